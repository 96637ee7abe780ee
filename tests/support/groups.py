"""Groups of clients for drawn scenarios: what some of the clients have set."""

from random import Random
from typing import Any

from meterstorm.experiments.scenario.groups import OF_A_GROUP

Raw = dict[str, Any]


def drawn(random: Random, others: list[Raw]) -> list[Raw]:
    """Groups, of which each has set, of its own tables, some that a client may have for itself.

    The settings of one group come from one of `others`, in which they go together.
    """
    clients = random.choice(["count", "share", "shares"])
    if clients == "shares":
        return [group(random, f"g{n}", {"share": 1 / len(others)}, other) for n, other in enumerate(others)]
    size = {"count": 1} if clients == "count" else {"share": random.choice([0.5, 0.7])}
    return [group(random, "g0", size, others[0])]


def named(random: Random, raw: Raw) -> Raw:
    """The scenario, in which some faults that hit clients, and some reservations, name one of its groups."""
    names = [group["name"] for group in raw["groups"]]
    if sum(group.get("share", 0.0) for group in raw["groups"]) < 0.9 and raw["clients"]["count"] > 5:
        names.append("rest")
    hitting = [fault for fault in raw["faults"] if fault["kind"] in {"cut", "client-crash"}]
    for table in (*hitting, *(product["reserve"] for product in raw["products"] if product.get("reserve"))):
        if random.random() < 0.5:
            table["clients"] = {"group": random.choice(names)}
    return raw


def group(random: Random, name: str, size: Raw, other: Raw) -> Raw:
    """A group with the settings of a table or of several of another scenario's."""
    tables = random.sample(list(OF_A_GROUP), random.randint(1, len(OF_A_GROUP)))
    own = settings(other, tables)
    if "policies.failback" in own:
        is_none = own["policies.failback"]["name"] == "none"
        own["clients.failback_moves"] = "new" if is_none else random.choice(["new", "all"])
    return {"name": name, **size, "set": own}


def settings(other: Raw, tables: list[str]) -> Raw:
    """What of these tables of a scenario a client may have for itself."""
    return {
        f"{table}.{key}": other[table][key] for table in tables for key in OF_A_GROUP[table] if key in other[table]
    }
