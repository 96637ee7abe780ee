"""Clients whose programs share licenses, in any scenario."""

from random import Random
from typing import Any


def sharing(raw: dict[str, Any]) -> dict[str, Any]:
    """The scenario, in which clients share some products: not of drawn tokens, nor of those that a trace counts.

    Which ones follows from its seed.
    """
    chance = Random(raw["run"]["seed"] + 2)
    for product in raw["products"]:
        if isinstance(product["tokens"], int) and raw["workload"]["arrivals"] != "trace":
            product["sharing"] = chance.choice(["none", "client"])
    return raw
