"""What must hold of the metrics that cases, comparisons and expectations name."""

from collections.abc import Iterator

from meterstorm.actors.setup.group_sizes import REST

from ..metrics.names import MEANINGS, METRICS, METRICS_OF_GROUPS, OF_GROUPS, WALL_METRICS, named
from .facts import Facts
from .named_clients import known_groups
from .wording import did_you_mean, metric_of_groups, metric_of_one_of, refuse


def metric_of_case_exists(path: str, case: Facts, facts: Facts) -> Iterator[str]:
    """Yield an error where a case shows its symptom by what is no metric."""
    if case["metric"] is not None:
        yield from _is_metric(f"{path}.metric", case["metric"], facts)


def expected_metric_exists(path: str, expect: Facts, facts: Facts) -> Iterator[str]:
    """Yield an error where something is expected of what is no metric."""
    yield from _is_metric(f"{path}.metric", expect["metric"], facts)


def compared_metrics_exist(facts: Facts) -> Iterator[str]:
    """Yield an error for each that is compared and no metric, or named before."""
    metrics = facts["compare.metrics"]
    for index, metric in enumerate(metrics if isinstance(metrics, tuple) else ()):
        path = f"compare.metrics[{index}]"
        yield from _is_metric(path, metric, facts)
        if metric in metrics[:index]:
            yield refuse(path, metric, "a metric that is not in the list yet")


def _is_metric(path: str, name: str, facts: Facts) -> Iterator[str]:
    found = named(name)
    if found.group is None:
        yield from _is_of_the_world(path, name, facts)
        return
    groups = _groups_of_any_version(facts)
    if found.group not in groups:
        yield refuse(path, name, metric_of_one_of(groups, found.group))
    elif found.metric not in METRICS_OF_GROUPS:
        yield refuse(path, name, metric_of_groups(found))


def _is_of_the_world(path: str, metric: str, facts: Facts) -> Iterator[str]:
    if metric in WALL_METRICS and facts.get("run.clock") == "virtual":
        words = 'a metric of the virtual clock, since run.clock = "virtual"; this one is of the wall clock only'
        yield refuse(path, metric, words)
    elif metric not in MEANINGS:
        hint = did_you_mean(metric, METRICS) or ": " + ", ".join(METRICS)
        yield refuse(path, metric, "a metric of the summary" + hint)


def _groups_of_any_version(facts: Facts) -> list[str]:
    """Return the names of all groups, those that a case or an arm brings with it included."""
    found = [*known_groups(facts)]
    for item in (*facts["cases"], *facts["arms"]):
        brought = [name for key, value in item["set"].items() for name in _names_in(key, value)]
        sizes_may_differ = brought or (found and "clients.count" in item["set"])
        found += [*brought, REST] if sizes_may_differ else []
    return list(dict.fromkeys(found))


def _names_in(key: str, value: object) -> list[str]:
    """Return the names of groups that a key of `set` brings; of one that changes a group, that of the rest."""
    if key == OF_GROUPS.removesuffix(".") and isinstance(value, list | tuple):
        names = [group.get("name") for group in value if isinstance(group, dict)]
    elif key.startswith(f"{OF_GROUPS.removesuffix('.')}["):
        names = [value if key.endswith(".name") else REST]
    else:
        names = []
    return [name for name in names if isinstance(name, str)]
