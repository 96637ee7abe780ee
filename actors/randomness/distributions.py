"""Distributions, from random bits: of mean 1, or of observed values.

They use only operations that IEEE 754 rounds exactly (+ - * / sqrt, and scaling by powers of two), so that a draw
has the same bits on every machine: libm's `log` and `exp` differ in the last bit.
"""

import math
from decimal import Decimal

import numpy as np

from ..compiled.jit import inlined, jit
from . import streams
from .streams import GOLDEN, mix

CONSTANT, EXPONENTIAL, LOGNORMAL, GAMMA, EMPIRICAL = range(5)

_LN2_HIGH = 6.93147180369123816490e-01  # the leading 33 bits of ln 2, so that a multiple of it is exact
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476
_LN2 = _LN2_HIGH + _LN2_LOW
_FRACTION = np.int64((1 << 52) - 1)  # of the bits of a number
_HALF, _ONE = np.int64(0x3FE << 52), np.int64(0x3FF << 52)  # the bits of 0.5 and 1.0
# For the first 8 bits of a mantissa m in [1, 2) a number near 1 / m, and its logarithm, correctly rounded.
_INVERSES = np.array([1.0 / (1.0 + (entry + 0.5) / 256.0) for entry in range(256)])
_LOGARITHMS = np.array([float(Decimal(inverse).ln()) for inverse in _INVERSES.tolist()])
_LG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip


@inlined
def log(x):
    """Natural logarithm of a positive normal number, error below 1 ulp.

    Method and coefficients of fdlibm's e_log.c (Sun Microsystems, 1993): log(1 + f) by s = f / (2 + f).
    """
    bits = np.float64(x).view(np.int64)
    exponent = np.float64((bits >> 52) - 1022)
    mantissa = np.int64((bits & _FRACTION) | _HALF).view(np.float64)
    if mantissa < _SQRT_HALF:
        mantissa += mantissa
        exponent -= 1.0
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (_LG[1] + w * (_LG[3] + w * _LG[5]))
    odd = z * (_LG[0] + w * (_LG[2] + w * (_LG[4] + w * _LG[6])))
    square = 0.5 * f * f
    return exponent * _LN2_HIGH - ((square - (s * (square + (even + odd)) + exponent * _LN2_LOW)) - f)


@jit
def exp(x):
    """Exponential function, by Taylor's series on [-ln 2 / 2, ln 2 / 2]; 0 or infinite where no float is near."""
    if x < -745.2:
        return 0.0
    if x > 709.8:
        return math.inf
    k = math.floor(x / _LN2 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = 1.0
    for n in range(17, 0, -1):
        total = 1.0 + total * r / n
    return math.ldexp(total, int(k))


@inlined
def exponential(bits):
    """Standard exponential, mean 1: the negative logarithm of a uniform number, error below 3 ulp or 3e-16.

    It is drawn most often, so it takes a table and no division: with c near 1 / m, the logarithm of m * 2^k is
    k * log 2 - log c + log(1 + r), where r = c * m - 1 is within 1 / 512 of 0 (Tang, "Table-driven implementation
    of the logarithm function in IEEE floating-point arithmetic", ACM TOMS 16(4), 1990).
    """
    x = np.float64(streams.inner_uniform(bits)).view(np.int64)
    entry = (x >> 44) & 255
    r = np.int64((x & _FRACTION) | _ONE).view(np.float64) * _INVERSES[entry] - 1.0
    square = r * r
    beyond = square * ((1 / 2 - r * (1 / 3)) + square * (1 / 4 - r * (1 / 5)))  # r - log(1 + r)
    return (_LOGARITHMS[entry] - np.float64((x >> 52) - 1023) * _LN2) - (r - beyond)


@jit
def normal(bits):
    """Standard normal by its quantile function (Wichura, algorithm AS 241, PPND16, 1988)."""
    q = streams.inner_uniform(bits) - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = 2509.0809287301226727
        for c in (33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
                  1971.5909503065514427, 133.14166789178437745, 3.387132872796366608):  # fmt: skip
            top = top * r + c
        bottom = 5226.495278852854561
        for c in (28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
                  687.1870074920579083, 42.313330701600911252, 1.0):  # fmt: skip
            bottom = bottom * r + c
        return q * top / bottom
    tail = 0.5 + q if q < 0.0 else 0.5 - q
    r = math.sqrt(-log(tail))
    if r <= 5.0:
        r -= 1.6
        top = 7.7454501427834140764e-4
        for c in (0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
                  3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
                  1.42343711074968357734):  # fmt: skip
            top = top * r + c
        bottom = 1.05075007164441684324e-9
        for c in (5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
                  0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0):  # fmt: skip
            bottom = bottom * r + c
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7
        for c in (2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
                  0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699,
                  6.6579046435011037772):  # fmt: skip
            top = top * r + c
        bottom = 2.04426310338993978564e-15
        for c in (1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
                  0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0):  # fmt: skip
            bottom = bottom * r + c
    return top / bottom if q > 0.0 else -top / bottom


@jit
def gamma(bits, shape):
    """Gamma of mean 1 (Marsaglia and Tsang, ACM TOMS 26(3), 2000), from one draw's own sequence of bits."""
    boost = 1.0
    k = shape
    if k < 1.0:
        bits = mix(bits + GOLDEN)
        boost = exp(log(streams.inner_uniform(bits)) / k)
        k += 1.0
    d = k - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        bits = mix(bits + GOLDEN)
        x = normal(bits)
        bits = mix(bits + GOLDEN)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            if log(streams.inner_uniform(bits)) < 0.5 * x * x + d - d * v + d * log(v):
                return d * v * boost / shape


@jit
def sample(bits, distribution, cv):
    """Return a draw of mean 1 from a distribution of this file; `cv` is its coefficient of variation."""
    if distribution == EXPONENTIAL:
        return exponential(bits)
    if distribution == LOGNORMAL:
        variance = log(1.0 + cv * cv)
        return exp(math.sqrt(variance) * normal(bits) - 0.5 * variance)
    if distribution == GAMMA:
        return gamma(bits, 1.0 / max(cv * cv, 1e-18))  # below, a nanosecond in a second: constant, and no shape
    return 1.0


@inlined
def draw(bits, distribution, cv, observed):
    """Return a draw of mean 1, or if it is EMPIRICAL one of the observed values, which are in order."""
    if distribution == EMPIRICAL:
        return np.float64(observed[quantile(bits, observed.size)])
    return sample(bits, distribution, cv)


@inlined
def quantile(bits, size):
    """Return which of `size` ordered values is the inverse of their distribution at a uniform number.

    A multiple of 2^-53 below 1, times a size below 2^53, is below the size when rounded, too.
    """
    return np.int64(streams.uniform(bits) * np.float64(size))
