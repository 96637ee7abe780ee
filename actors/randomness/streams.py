"""Randomness: every draw is a hash of (root seed, stream, agent, index).

No generator has state that draws could disturb, so one more agent or one more draw changes nothing elsewhere, and
two policies at one seed meet the same users (common random numbers).

The hash is SplitMix64 entered at an arbitrary position (Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014).
"""

import numpy as np
from numpy.typing import NDArray

from ..compiled.jit import inlined

# One stream for each purpose.
(
    THINK,
    RUN,
    PRODUCT,
    PHASE,
    ASSIGNMENT,
    PATIENCE,
    FAILOVER,
    SELECTION,
    ADMISSION,
    SERVICE,
    JITTER,
    LOSS,
    FAULT,
    FAILBACK,
    DENIAL,
    RESTART,
    SIZE,
) = range(17)
STREAMS = 17

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_11, _12, _27, _30, _31 = np.uint64(11), np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)


@inlined
def mix(z):
    """SplitMix64's output function, a bijection of 64-bit numbers."""
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)


@inlined
def draw(key, agent, index):
    """Return 64 random bits of a stream (`key`, from `stream_keys`), an agent and an index (both >= 0)."""
    start = mix(key + np.uint64(agent) * GOLDEN)
    return mix(start + np.uint64(index) * GOLDEN)


@inlined
def identity(agent, clients):
    """Return an agent's number for draws and digests: it does not depend on how many clients there are."""
    return agent if agent < clients else agent - clients + 2_000_000_000


@inlined
def uniform(bits):
    """Return a number in [0, 1): a multiple of 2^-53."""
    return np.float64(bits >> _11) * 1.1102230246251565e-16


@inlined
def inner_uniform(bits):
    """Return a number in (0, 1): an odd multiple of 2^-53."""
    return (np.float64(bits >> _12) + 0.5) * 2.220446049250313e-16


def stream_keys(seed: int, replication: int) -> NDArray[np.uint64]:
    """Return one key for each stream, shape (STREAMS,)."""
    with np.errstate(over="ignore"):
        root = mix(mix(np.uint64(seed) + GOLDEN) + np.uint64(replication) * GOLDEN)
        return np.array([mix(root + np.uint64(n + 1) * GOLDEN) for n in range(STREAMS)], dtype=np.uint64)
