"""How many licenses launches take: a number, or numbers with their weights, for each product."""

from typing import Any

import numpy as np

from ..state.allocation import zeros
from ..state.schedule import SIZE
from .scenario import Product, Scenario


def size_table(scenario: Scenario) -> Any:
    """Return the numbers of licenses that launches of each product may take, one product after the other."""
    pairs = [_pairs(product) for product in scenario.products]
    sizes = zeros(sum(map(len, pairs)), SIZE)
    sizes["count"] = [count for some in pairs for count, _ in some]
    sizes["up_to"] = np.concatenate([_cumulative([weight for _, weight in some]) for some in pairs])
    return sizes


def first_sizes(scenario: Scenario) -> Any:
    """Return in which row of the table each product's begin."""
    return np.cumsum([0, *(len(_pairs(product)) for product in scenario.products)])[:-1]


def _pairs(product: Product) -> list[tuple[int, float]]:
    return [(product.tokens, 1.0)] if isinstance(product.tokens, int) else list(product.tokens)


def _cumulative(weights: list[float]) -> Any:
    """Return the cumulative probabilities, the last one exactly 1."""
    sums = np.cumsum(weights)
    return sums / sums[-1]
