"""What a group of clients may set, and what conflicts with the settings of the others."""

from collections.abc import Iterator, Mapping

from .choices import Resolve
from .facts import Facts
from .groups import OF_A_GROUP
from .overrides import Way, path_of, spread
from .policy_table import Choice
from .values import OBSERVED
from .wording import refuse, show


def wrong_settings(settings: Mapping[str, object], facts: Facts) -> Iterator[str]:
    """Yield an error for each key that a group may not set."""
    for way, value in spread(settings)[0]:
        if not _may_be_set(way):
            known = "; ".join(f"of {table} {', '.join(keys)}" for table, keys in OF_A_GROUP.items())
            yield f"{path_of(way)}: {show(value)} is not allowed; a group may set only {known}"
        elif way[0] == "workload" and facts.get("workload.arrivals") == "trace":
            words = 'left out while workload.arrivals = "trace": a trace has all launches'
            yield refuse(path_of(way), value, words)


def _may_be_set(way: Way) -> bool:
    return len(way) > 1 and way[1] in OF_A_GROUP.get(str(way[0]), ())


def drop_unused_files(settings: dict[str, object], facts: Facts) -> None:
    """Leave out of a group's settings the files of observed times that the others draw from, and it does not."""
    workload = settings.get("workload")
    if not isinstance(workload, dict):
        return
    for key, file in OBSERVED.items():
        if facts.get(f"workload.{key}") == "empirical" != workload.get(key):
            workload.pop(file, None)


def wrong_policies(own: Choice, others: Choice, resolve: Resolve) -> Iterator[str]:
    """Yield an error where servers would drain for the clients of a group otherwise than for all."""
    share, of_all = (_drain_share(choice, resolve) for choice in (own, others))
    if share not in (0.0, of_all):
        words = f"one that does not drain: servers drain for all alike (policies.failback = {show(others.name)})"
        yield refuse("policies.failback.name", own.name, words)


def _drain_share(choice: Choice, resolve: Resolve) -> float:
    return float(getattr(resolve("failback", choice.name, choice.parameters).policy, "drain_share", 0.0))
