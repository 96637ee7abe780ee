"""Closed forms of queueing theory."""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from scipy.special import ive
from scipy.stats import poisson

MANY = 20_000  # clients that together send a Poisson stream: busy ones are too few to be missed


def erlang_b(licenses: int, erlangs: float) -> float:
    """Blocking of M/G/c/c by its recursion (Erlang 1917; Jagerman 1974)."""
    blocking = 1.0
    for n in range(1, licenses + 1):
        blocking = erlangs * blocking / (n + erlangs * blocking)
    return blocking


def kaufman_roberts(licenses: int, erlangs: dict[int, float]) -> dict[int, float]:
    """Blocking of each class of requests, by how many licenses it takes, of a loss system that classes share.

    The chance that n are in use: n q(n) = sum over classes of a b q(n - b) (Kaufman 1981; Roberts 1981).
    """
    chances = [1.0]
    for n in range(1, licenses + 1):
        chances.append(sum(a * b * chances[n - b] for b, a in erlangs.items() if b <= n) / n)
    return {b: sum(chances[max(0, licenses - b + 1) :]) / sum(chances) for b in erlangs}


def erlang_c(servers: int, erlangs: float) -> float:
    """Probability of waiting in M/M/c (Erlang 1917)."""
    blocking = erlang_b(servers, erlangs)
    return servers * blocking / (servers - erlangs * (1 - blocking))


def engset(sources: int, licenses: int, alpha: float) -> float:
    """Call congestion: what an arriving source finds is the system without it (Engset 1918)."""
    terms = [math.comb(sources - 1, n) * alpha**n for n in range(licenses + 1)]
    return terms[-1] / sum(terms)


def engset_of_classes(classes: list[tuple[int, float]], licenses: int) -> list[float]:
    """The share of each class's requests that are denied: (sources, their rate times their run time) of each.

    The state has the product form of independent sources, cut off where all licenses are in use.
    """
    offered, denied = [0.0] * len(classes), [0.0] * len(classes)
    for busy in itertools.product(*(range(min(sources, licenses) + 1) for sources, _ in classes)):
        if sum(busy) > licenses:
            continue
        weight = math.prod(math.comb(n, k) * alpha**k for (n, alpha), k in zip(classes, busy, strict=True))
        for number, ((sources, alpha), running) in enumerate(zip(classes, busy, strict=True)):
            requests = weight * (sources - running) * alpha
            offered[number] += requests
            denied[number] += requests if sum(busy) == licenses else 0.0
    return [part / whole for part, whole in zip(denied, offered, strict=True)]


def busy_period(t: float, rho: float) -> float:
    """The chance that a busy period of M/M/1 with services of mean 1 is over by t (Kleinrock 1975, section 5.8).

    Its density is exp(-(1 + rho) t) I1(2 t sqrt(rho)) / (t sqrt(rho)); with rho > 1 it may never end.
    """
    return busy_integral(lambda _: 1.0, t, rho)


def busy_integral(weight: Callable[[float], float], t: float, rho: float) -> float:
    """The integral of a weight over the lengths up to t of a busy period of M/M/1."""
    root = math.sqrt(rho)

    def density(x: float) -> float:
        return float(ive(1, 2 * x * root)) * math.exp(-((1 - root) ** 2) * x) / (x * root)

    return float(quad(lambda x: weight(x) * density(x), 0.0, t, limit=500)[0])


def lifo_quantile(rho: float, part: float) -> float:
    """Quantile of the time in an M/M/1 queue whose newest goes first: who waits does so for a busy period."""
    ended = 1 - (1 - part) / rho
    return float(brentq(lambda t: busy_period(t, rho) - ended, 1e-9, 1e4))


def answered_in_time(timeout: float, rho: float) -> float:
    """The share answered within a time-out by an M/M/1 server that is never idle and serves the newest first."""
    return busy_integral(lambda wait: -math.expm1(wait - timeout), timeout, rho)


def mm1k(rho: float, places: int) -> tuple[float, float]:
    """Blocking of M/M/1/K, and the mean number that wait in it (Kleinrock 1975, section 3.6)."""
    chances = rho ** np.arange(places + 1.0)
    chances /= chances.sum()
    return float(chances[-1]), float(sum((n - 1) * chances[n] for n in range(1, places + 1)))


class Retrials(NamedTuple):
    """M/M/c with retrials."""

    waiting: float  # mean number waiting to retry
    denied: float  # share of all tries
    busy: float  # share of the time when no server is free: of first tries, those that are denied (Wolff 1982)


def retrials(servers: int, erlangs: float, retry_rate: float, orbit: int, users: float = MANY) -> Retrials:
    """M/M/c with retrials, service rate 1, and so many users; `inf`: a Poisson stream of first tries.

    Stationary solution of the chain (busy, waiting), truncated at `orbit` (Falin and Templeton 1997, ch. 2).
    """
    size = (servers + 1) * (orbit + 1)
    rates = lil_matrix((size, size))
    for busy in range(servers + 1):
        for waiting in range(orbit + 1):
            here = busy * (orbit + 1) + waiting
            arriving = erlangs * (1 - (busy + waiting) / users)
            if busy < servers:
                rates[here, here + orbit + 1] += arriving
                if waiting:
                    rates[here, here + orbit] += waiting * retry_rate
            elif waiting < orbit:
                rates[here, here + 1] += arriving
            if busy:
                rates[here, here - orbit - 1] += busy
    generator = (rates - _diagonal(rates.sum(axis=1))).T.tolil()
    generator[0, :] = 1.0
    right = np.zeros(size)
    right[0] = 1.0
    chances = spsolve(generator.tocsc(), right).reshape(servers + 1, orbit + 1)
    assert chances[:, -1].sum() < 1e-9, "the chain is truncated too early"
    waiting, busy = float((chances * np.arange(orbit + 1)).sum()), float(chances[-1].sum())
    denied = erlangs * busy + retry_rate * float((chances[-1] * np.arange(orbit + 1)).sum())
    return Retrials(waiting, denied / (erlangs + retry_rate * waiting), busy)


# Of five servers and 4 erlangs: the retry rate, where the chain may be truncated, how many wait, how much is busy.
KNOWN_RETRIALS = [
    (1.0, 150, 5.261394, 0.4553447),
    (0.1, 250, 30.871171, 0.4209654),
    (10.0, 150, 2.566922, 0.5214672),
]


def up_to(tries: int) -> list[tuple[int, float]]:
    """What follows a denial, for `retrying`: one more try, until the last one is denied."""
    return [*((number, 1.0) for number in range(1, tries)), (0, 1.0)]


def persistent(again: float) -> list[tuple[int, float]]:
    """What follows a denial, for `retrying`: one more try with a fixed chance (Cohen 1957)."""
    return [(1, again), (1, again)]


def retrying(
    sources: int, licenses: int, think_rate: float, retry_rate: float, after: list[tuple[int, float]]
) -> dict[str, float]:
    """Finite sources, service rate 1; who is denied waits in orbit and tries again, or thinks again.

    `after[orbit]` is the orbit that a user enters whose request from that orbit is denied, and with which chance;
    else, and in orbit 0, users think. From the stationary solution of the chain (busy, users in each other orbit):
    rates of launches, grants and denials, and mean numbers of busy licenses and of users who wait.
    """
    orbits = np.ndindex(*[sources + 1] * (len(after) - 1))
    states = [
        (busy, *waiting) for waiting in orbits for busy in range(licenses + 1) if busy + sum(waiting) <= sources
    ]
    number = {state: n for n, state in enumerate(states)}
    generator, means = np.zeros((len(states), len(states))), []
    for here, (busy, *waiting) in enumerate(states):
        rates = [think_rate * (sources - busy - sum(waiting)), *(retry_rate * users for users in waiting)]
        for orbit, rate in enumerate(rates):
            for there, chance in _asked(busy, waiting, orbit, busy < licenses, after[orbit]) if rate else []:
                generator[here, number[there]] += rate * chance
        if busy:
            generator[here, number[busy - 1, *waiting]] += busy
        granted = sum(rates) if busy < licenses else 0.0
        means.append((rates[0], granted, sum(rates) - granted, busy, sum(waiting)))
    np.fill_diagonal(generator, np.diag(generator) - generator.sum(axis=1))
    chances = np.linalg.solve(np.vstack([generator.T[1:], np.ones(len(states))]), np.eye(len(states))[-1])
    names = ("launches", "grants", "denials", "busy", "waiting")
    return dict(zip(names, (chances @ np.array(means, float)).tolist(), strict=True))


def _asked(
    busy: int, waiting: list[int], orbit: int, is_free: bool, after: tuple[int, float]
) -> list[tuple[tuple[int, ...], float]]:
    """Where a request from an orbit leads, and with which chances."""
    left = [users - (k == orbit) for k, users in enumerate(waiting, 1)]
    if is_free:
        return [((busy + 1, *left), 1.0)]
    entered = [users + (k == after[0]) for k, users in enumerate(left, 1)]
    return [((busy, *entered), after[1]), ((busy, *left), 1.0 - after[1])]


def _diagonal(sums: Any) -> Any:
    matrix = lil_matrix((sums.size, sums.size))
    matrix.setdiag(np.asarray(sums).ravel())
    return matrix


def waiting_quantile(servers: int, erlangs: float, share: float) -> float:
    """Quantile of the wait in M/M/c served in order: P(W > t) = C exp(-(c - a) t), in services (Erlang 1917)."""
    return max(0.0, math.log(erlang_c(servers, erlangs) / (1 - share)) / (servers - erlangs))


def mm1_orbit(rho: float, retry_rate: float) -> float:
    """Mean number waiting to retry in M/M/1 with retrials, service rate 1 (Falin and Templeton 1997, ch. 1)."""
    return rho * (rho + retry_rate * rho) / (retry_rate * (1 - rho))


def decorrelated_mean(base: float, cap: float, cells: int = 1000) -> float:
    """Stationary mean of the chain s <- min(cap, U(base, 3 s)), on cells and an atom at the cap."""
    edges = np.geomspace(base, cap, cells + 1)
    values = np.append((edges[1:] + edges[:-1]) / 2, cap)
    up_to = np.clip((edges - base) / (3 * values[:, None] - base), 0, 1)
    up_to = np.hstack([up_to, np.ones((values.size, 1))])
    return float(np.linalg.matrix_power(np.diff(up_to), 256)[0] @ values)


def busiest_bin(items: int, bins: int) -> float:
    """Mean of the fullest of equal bins into which items fall by themselves: a maximum of multinomial counts.

    Bins hold independent Poisson numbers, given that they add up to all items. E max = sum of P(max > n).
    """
    chances = poisson.pmf(np.arange(items + 1), items / bins)
    mean, below, most = 0.0, 0.0, 0
    while below < 1 - 1e-12:  # the chance that no bin holds as many as `most`
        mean += 1 - below
        together = np.ones(1)
        for _ in range(bins):
            together = np.convolve(together, chances[: most + 1])
        below = together[items] / poisson.pmf(items, items) if together.size > items else 0.0
        most += 1
    return mean - 1  # `most` was 0 first


def lost_round_trip(loss: float) -> float:
    """Probability that a request or its answer is lost."""
    return 1 - (1 - loss) ** 2


def tries_per_launch(failure: float, retries: int) -> float:
    """Mean number of tries when each fails by itself and there are so many retries: a truncated geometric law."""
    return (1 - failure ** (retries + 1)) / (1 - failure)
