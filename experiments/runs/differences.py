"""Differences in a table of worlds: each value of a setting beside that of a baseline, paired by replication.

Both of a pair have the same other settings, case and arm, so they met the same users. A parameter that only one of
the two has (of a policy that the other does not use) does not keep them apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..metrics.metrics import Value
from ..metrics.names import METRICS
from ..metrics.paired import paired
from ..scenario import one_of
from ..scenario.wording import did_you_mean, unknown_metric

if TYPE_CHECKING:
    import pyarrow as pa

COUNTS = ("n", "infinite", "baseline_infinite", "missing")


class Group(NamedTuple):
    """The worlds of one version at one point: what is compared, the other settings, and rows by replication."""

    value: Any
    others: tuple[Any, ...]  # None: does not apply
    rows: dict[int, int]


def differences(
    table: "pa.Table",
    axes: Sequence[str],
    by: str,
    baseline: Any,
    metrics: Sequence[str] | None,
    confidence: float,
) -> "pa.Table":
    """Return a row for each metric of each pair; `Worlds.differences` says of what. Raises ValueError."""
    import pyarrow as pa

    settings = [*axes, "case", "arm"]
    if by not in settings:
        raise ValueError(f"by={by!r}: is not allowed; it must be {one_of(settings)}{did_you_mean(by, settings)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r}: is not allowed; it must be a number > 0 and < 1")
    others = [name for name in settings if name != by]
    base = _baseline(table, by, baseline)
    columns = {name: table[name].to_pylist() for name in _known(metrics)}
    rows = [
        {by: ours.value, "baseline": base, **_settings(others, ours, theirs), "metric": name}
        | _difference(_values(column, ours), _values(column, theirs), confidence)
        for ours, theirs in _pairs(list(_groups(table, by, others).values()), base)
        for name, column in columns.items()
    ]
    if not rows:
        raise ValueError(f"by={by!r}: no other value has a world at the same other settings as {base!r}")
    kind = table.schema.field(by).type
    types = [(by, kind), ("baseline", kind), *((name, table.schema.field(name).type) for name in others)]
    types += [("metric", pa.string()), ("mean_difference", pa.float64()), ("half_width", pa.float64())]
    types += [("median_difference", pa.float64()), ("test", pa.string()), ("p", pa.float64())]
    return pa.Table.from_pylist(rows, pa.schema(types + [(name, pa.int64()) for name in COUNTS]))


def _baseline(table: "pa.Table", by: str, baseline: Any) -> Any:
    values = list(dict.fromkeys(value for value in table[by].to_pylist() if value is not None))
    if len(values) < 2:
        found = f"only {values[0]!r}" if values else "none"
        raise ValueError(f"by={by!r}: there is nothing to compare; of its values the results have {found}")
    if baseline is not None and baseline not in values:
        raise ValueError(
            f"baseline={baseline!r}: is not allowed; it must be one of {', '.join(map(repr, values))}"
        )
    return values[0] if baseline is None else baseline


def _known(metrics: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(metrics, str):
        raise ValueError(f"metrics={metrics!r}: is not allowed; it must be a list of names")
    for name in metrics or ():
        if name not in METRICS:
            raise ValueError(f"metrics: {unknown_metric(name)}")
    return METRICS if metrics is None else tuple(dict.fromkeys(metrics))


def _groups(table: "pa.Table", by: str, others: Sequence[str]) -> dict[tuple[Any, ...], Group]:
    found: dict[tuple[Any, ...], Group] = {}
    keys = [table[name].to_pylist() for name in (by, *others)]
    for row, ((value, *rest), number) in enumerate(
        zip(zip(*keys, strict=True), table["replication"].to_pylist(), strict=True)
    ):
        if value is not None:
            key = value, *rest
            found.setdefault(key, Group(value, tuple(rest), {})).rows[number] = row
    return found


def _pairs(groups: Sequence[Group], baseline: Any) -> Iterator[tuple[Group, Group]]:
    """Yield every group with those of the baseline whose other settings are equal, where both have them."""
    bases: dict[tuple[bool, ...], list[Group]] = {}
    for group in groups:
        if group.value == baseline:
            bases.setdefault(_applying(group), []).append(group)
    filed: dict[Any, dict[Any, list[Group]]] = {}
    for group in groups:
        for applying, those in bases.items() if group.value != baseline else ():
            both = tuple(a and b for a, b in zip(applying, _applying(group), strict=True))
            if (applying, both) not in filed:
                filed[applying, both] = _filed(those, both)
            yield from ((group, base) for base in filed[applying, both].get(_where(group, both), ()))


def _filed(groups: Sequence[Group], wanted: tuple[bool, ...]) -> dict[Any, list[Group]]:
    found: dict[Any, list[Group]] = {}
    for group in groups:
        found.setdefault(_where(group, wanted), []).append(group)
    return found


def _applying(group: Group) -> tuple[bool, ...]:
    return tuple(value is not None for value in group.others)


def _where(group: Group, wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    return tuple(value for value, is_wanted in zip(group.others, wanted, strict=True) if is_wanted)


def _settings(names: Sequence[str], ours: Group, theirs: Group) -> dict[str, Any]:
    pairs = zip(ours.others, theirs.others, strict=True)
    return dict(zip(names, (b if a is None else a for a, b in pairs), strict=True))


Values = Mapping[int, Value]  # by replication


def _values(column: Sequence[Value], group: Group) -> Values:
    return {number: column[row] for number, row in group.rows.items()}


def _difference(ours: Values, theirs: Values, confidence: float) -> dict[str, Any]:
    """Return what the pairs say, and how many there are of each sort."""
    numbers = sorted(ours.keys() | theirs.keys())
    found = paired([ours.get(n) for n in numbers], [theirs.get(n) for n in numbers], confidence)
    mean, half_width = found.difference or (None, None)
    return {
        "mean_difference": mean,
        "half_width": half_width,
        "median_difference": found.median_difference,
        "test": found.test,
        "p": found.p,
        "n": found.n,
        "infinite": found.infinite,
        "baseline_infinite": found.baseline_infinite,
        "missing": found.left_out,
    }
