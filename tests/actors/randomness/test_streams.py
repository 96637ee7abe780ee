"""Draws: right functions, right distributions, independent streams, the same bits with the JIT off."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from meterstorm.actors.randomness import distributions, streams
from scipy import stats

N = 40_000

SHAPES = [
    (distributions.EXPONENTIAL, 1.0, stats.expon()),
    *((distributions.LOGNORMAL, cv, stats.lognorm(s := math.sqrt(math.log1p(cv * cv)), scale=math.exp(-s * s / 2)))
      for cv in (0.3, 1.0)),
    *((distributions.GAMMA, cv, stats.gamma(1 / cv**2, scale=cv**2)) for cv in (0.3, 1.0, 2.0)),
]  # fmt: skip


def bits(stream: int = 0, agent: int = 0, seed: int = 1, replication: int = 0, count: int = N) -> list[Any]:
    key = streams.stream_keys(seed, replication)[stream]
    return [np.uint64(streams.draw(key, agent, index)) for index in range(count)]


def test_log_and_exp():
    values = np.random.default_rng(1).uniform(-699, 699, 20_000)
    np.testing.assert_allclose([distributions.exp(x) for x in values], [math.exp(x) for x in values], rtol=2e-15)
    wide = [*np.exp(values), *(1 + values * 1e-6), 1.0, math.nextafter(1, 0), 2.0**-54, 1 - 2.0**-54, 2.3e-308]
    np.testing.assert_allclose([distributions.log(x) for x in wide], [math.log(x) for x in wide], rtol=5e-16)


def test_exponential_is_the_negative_logarithm():
    ends = [np.uint64(b) for b in (0, 2**12, 2**63 - 1, 2**63, 2**64 - 2**12, 2**64 - 1)]
    small = np.random.default_rng(1).integers(0, 2**40, N, np.uint64)
    drawn = [*bits(), *ends, *small, *(np.uint64(2**64 - 1) - small)]
    found = np.array([distributions.exponential(b) for b in drawn])
    expected = np.array([-math.log(streams.inner_uniform(b)) for b in drawn])
    assert (abs(found - expected) <= np.maximum(3e-16, 3 * np.spacing(expected))).all()
    assert min(found) > 0


def test_normal_is_the_quantile_function():
    ends = [np.uint64(k << 11) for k in (0, 1, 2**30, 2**52, 2**53 - 2)]
    drawn = bits() + ends
    expected = stats.norm.ppf([float(streams.inner_uniform(b)) for b in drawn])
    np.testing.assert_allclose([distributions.normal(b) for b in drawn], expected, rtol=1e-13, atol=1e-15)


def test_inner_uniform_is_never_1():
    assert 0 < streams.inner_uniform(np.uint64(2**64 - 1)) < 1


@pytest.mark.parametrize("distribution, cv, law", SHAPES)
def test_distributions(distribution: int, cv: float, law: Any):
    """Mean 1, coefficient of variation `cv`, by 99.9 % intervals; and Kolmogorov-Smirnov."""
    drawn = np.array([distributions.sample(b, distribution, cv) for b in bits()])
    width = stats.norm.ppf(0.9995) / math.sqrt(N)
    kurtosis = float(law.stats(moments="k")) + 3
    assert drawn.mean() == pytest.approx(1.0, abs=width * cv)
    assert drawn.var() == pytest.approx(cv**2, abs=width * cv**2 * math.sqrt(kurtosis - 1))
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 2**19 + 1, 999_999])
def test_every_observation_is_as_likely(size: int):
    """The inverse of their distribution: the last one at the largest uniform number, and none beyond."""
    assert distributions.quantile(np.uint64(2**64 - 1), size) == size - 1
    assert distributions.quantile(np.uint64(0), size) == 0
    drawn = np.array([distributions.quantile(b, size) for b in bits()])
    parts = min(size, 10)
    counts = np.bincount(drawn * parts // size, minlength=parts)
    expected = np.diff(np.ceil(np.arange(parts + 1) * size / parts)) / size * N
    assert parts == 1 or stats.chisquare(counts, expected).pvalue > 1e-3


def test_streams_neither_collide_nor_correlate():
    kinds = [
        *({"stream": k} for k in range(streams.STREAMS)),
        *({"agent": k} for k in (1, 2, 10**6)),
        *({"seed": k} for k in (0, 2, 2**62)),
        *({"replication": k} for k in (1, 2)),
    ]
    drawn = [bits(count=4000, **kind) for kind in kinds]
    assert len(set(itertools.chain(*drawn))) == 4000 * len(kinds)
    uniforms = np.array([[float(streams.uniform(b)) for b in row] for row in drawn])
    pairs = len(kinds) * (len(kinds) - 1) / 2
    limit = stats.norm.isf(0.0005 / pairs) / math.sqrt(4000)
    for shift in (0, 1):
        found = np.corrcoef(uniforms[:, shift:], uniforms[:, : 4000 - shift])[: len(kinds), len(kinds) :]
        assert np.abs(found[~np.eye(len(kinds), dtype=bool)] if shift == 0 else found).max() < limit


def test_the_same_bits_with_the_jit_off(monkeypatch: pytest.MonkeyPatch):
    key = streams.stream_keys(3, 1)[streams.RUN]
    compiled = [
        (
            streams.draw(key, 5, index),
            *(distributions.sample(np.uint64(streams.draw(key, 5, index)), d, 1.5) for d in range(4)),
        )
        for index in range(300)
    ]
    for module, names in (
        (streams, ("mix", "draw", "uniform", "inner_uniform")),
        (distributions, ("mix", "log", "exp", "exponential", "normal", "gamma", "sample")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name).py_func)
    with np.errstate(over="ignore"):
        plain = [
            (
                streams.draw(key, 5, index),
                *(distributions.sample(np.uint64(streams.draw(key, 5, index)), d, 1.5) for d in range(4)),
            )
            for index in range(300)
        ]
    assert plain == compiled
