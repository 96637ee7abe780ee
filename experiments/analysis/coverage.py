"""How often intervals cover the true mean when the stop rule ends an experiment.

    python -m meterstorm.experiments.analysis.coverage [EXPERIMENTS]

Each experiment draws replications from a population whose mean is known, and stops as `stopping.py` says.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..metrics.intervals import estimate
from .stopping import Goal, replications_needed

EXPERIMENTS = 2000
MOST = 100_000  # replications of one experiment


class Population(NamedTuple):
    """What replications are drawn from, its mean, and the goal for it."""

    name: str
    mean: float
    draw: Callable[[np.random.Generator, int], Any]
    goal: float  # relative half-width


POPULATIONS = (
    Population("normal, cv 0.3", 1.0, lambda g, n: g.normal(1.0, 0.3, n), 0.05),
    Population("exponential", 1.0, lambda g, n: g.exponential(1.0, n), 0.1),
    Population("lognormal, sigma 1", float(np.exp(0.5)), lambda g, n: g.lognormal(0.0, 1.0, n), 0.1),
    Population("2 % of 500 requests", 0.02, lambda g, n: g.binomial(500, 0.02, n) / 500, 0.05),
    Population("0 or 1, p = 0.02", 0.02, lambda g, n: (g.random(n) < 0.02).astype(float), 0.2),
)


class Coverage(NamedTuple):
    """How many experiments' intervals covered the mean, and the median number of replications."""

    covered: int
    experiments: int
    constant: int  # experiments that ended with equal values, so their interval has no width
    replications: int
    interval: tuple[float, float]  # 95 %, Clopper and Pearson's, of the share covered


def measure(population: Population, experiments: int, seed: int = 1) -> Coverage:
    """Return the coverage of one population, with a generator of its own for each experiment."""
    from scipy import stats

    goal = Goal("", population.goal, is_relative=True)
    ends = [_experiment(population, goal, np.random.default_rng([seed, k])) for k in range(experiments)]
    covered, constant = (sum(row[k] for row in ends) for k in range(2))
    low, high = stats.binomtest(covered, experiments).proportion_ci()
    replications = int(np.median([count for *_, count in ends]))
    return Coverage(covered, experiments, constant, replications, (float(low), float(high)))


def _experiment(population: Population, goal: Goal, generator: np.random.Generator) -> tuple[bool, bool, int]:
    values: list[float] = []
    while (needed := min(MOST, replications_needed(values, goal))) > len(values):
        values += population.draw(generator, needed - len(values)).tolist()
    mean, half_width = estimate(values)
    assert half_width is not None
    return abs(mean - population.mean) <= half_width, half_width == 0, len(values)


def table(experiments: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield "| population | goal | replications (median) | coverage | its 95 % interval | equal values only |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for population in POPULATIONS:
        found = measure(population, experiments)
        share = f"{100 * found.covered / experiments:.1f} %"
        low, high = (f"{100 * end:.1f}" for end in found.interval)
        equal = f"{100 * found.constant / experiments:.1f} %"
        cells = (
            population.name,
            f"{population.goal:.0%}",
            f"{found.replications:,}",
            share,
            f"{low} to {high} %",
            equal,
        )
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS):
        print(line, flush=True)
