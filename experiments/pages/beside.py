"""Arms side by side: differences to the baseline as forests, and how long users wait."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ..drawing import rows
from ..drawing.figure import Figure, Key, Table
from ..drawing.rows import Kind, Mark, Row
from ..drawing.text import capitalized, number
from ..metrics.names import MEANINGS, METRICS_OF_GROUPS, named
from .folders import Arm, Book
from .quantities import axis, factor, plain, value

WAITS = (("wait_s_p50", "circle", "median"), ("wait_s_p95", "square", "95 %"), ("wait_s_p99", "diamond", "99 %"),
         ("wait_s_max", "bar", "longest"))  # fmt: skip
FLOOR_S = 1e-3  # of a logarithmic axis of time


def symptoms(book: Book) -> Iterator[Figure]:
    """Yield a figure for each symptom: what each arm has of it more than in the baseline case."""
    for run in book.runs:
        for symptom in run.summary["symptoms"]:
            keys = {arm.name: arm.key for arm in book.arms if arm.run is run}
            yield _symptom(symptom, keys)


def _symptom(symptom: dict[str, Any], keys: dict[str | None, Key]) -> Figure:
    metric, case, baseline = symptom["metric"], symptom["case"], symptom["baseline"]
    made = [_excess(metric, arm, keys[arm["arm"]]) for arm in symptom["arms"]]
    words = {True: "shown", False: "not shown", None: "not judged"}
    shown = [keys[arm["arm"]].name for arm in symptom["arms"] if arm["shown"]]
    caption = (
        f"{capitalized(named(metric).meaning)}: by how much “{case}” exceeds “{baseline}”. The symptom shows "
        f"where the interval is to the right of 0: {', '.join(f'“{arm}”' for arm in shown) or 'nowhere'}."
    )
    table = Table(
        ["arm", case, baseline, "excess", "verdict"],
        [
            [keys[arm["arm"]].name, value(metric, arm["mean"], arm["ci95"]),
             value(metric, arm["in_baseline"]["mean"], arm["in_baseline"]["ci95"]),
             value(metric, arm["excess"]["mean"], arm["excess"]["ci95"], sign=True), words[arm["shown"]]]
            for arm in symptom["arms"]
        ],
    )  # fmt: skip
    kind = Kind(axis(metric), zero=True)
    return rows.figure(
        f"symptom {symptom['symptom']}", f"{symptom['symptom']} ({axis(metric)})", caption, made, kind, table
    )


def _excess(metric: str, arm: dict[str, Any], key: Key) -> Row:
    mean, half = arm["excess"]["mean"], arm["excess"]["ci95"]
    return Row(key.name, key, _marks(metric, mean, half, None), value(metric, mean, half, sign=True))


def _marks(metric: str, mean: Any, half: Any, wide: Any) -> list[Mark]:
    """Return a mean with its intervals; none where it is infinite."""
    found, times = math.inf if mean is None else plain(mean), factor(metric)
    if not math.isfinite(found):
        return []
    middle = found * times

    def around(width: Any) -> tuple[float, float] | tuple[None, None]:
        if width is None or not math.isfinite(plain(width)):
            return None, None
        return middle - plain(width) * times, middle + plain(width) * times

    low, high = around(half)
    outer = around(wide)
    return [Mark(middle, low, high, None if outer[0] is None else outer)]


def forests(book: Book) -> Iterator[Figure]:
    """Yield a forest for each metric that is compared: a row for each arm in each case."""
    for run in book.runs:
        found = run.summary["comparisons"]
        keys = {arm.name: arm.key for arm in book.arms if arm.run is run}
        for metric in dict.fromkeys(one["metric"] for one in found):
            yield forest(metric, [one for one in found if one["metric"] == metric], keys)


def forest(metric: str, found: Sequence[dict[str, Any]], keys: dict[str | None, Key]) -> Figure:
    """Return the differences of one metric to the baseline, with both intervals."""
    made = [
        Row(who(one), keys.get(one["arm"], Key("", 0)), _marks(metric, one["difference"], one["half_width"],
            one["half_width_bonferroni"]), _difference(one))
        for one in found
    ]  # fmt: skip
    baselines = " and ".join(dict.fromkeys(f"“{one['baseline']}”" for one in found))
    clear = [one for one in found if one["p_holm"] is not None and one["p_holm"] < 0.05]
    caption = (
        f"{capitalized(named(metric).meaning)}: the difference to {baselines}, which is 0. {_clear(clear, found)} "
        f"Thick: {100 * found[0]['confidence']:g} % intervals, paired by replication; thin: for all "
        f"{found[0]['family']} comparisons at once."
    )
    heads = ["", "mean", "baseline", "difference", "n", "p", "p (Holm)"]
    table = Table(heads, [[who(one), *numbers(one)] for one in found])
    kind = Kind(axis(metric), zero=True)
    return rows.figure(f"difference {metric}", f"Difference in {axis(metric)}", caption, made, kind, table)


def _clear(clear: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> str:
    if all(one["p_holm"] is None for one in found):
        return "One replication has no interval."
    if not clear:
        return "None differs clearly."
    words = [f"{_quoted(one)} is {_direction(one)}" for one in clear[:4]]
    more = f", and {len(clear) - 4} more" if len(clear) > 4 else ""
    return f"Clearly different: {'; '.join(words)}{more}."


def _direction(one: dict[str, Any]) -> str:
    if one["difference"] is None:
        return "more often infinite" if one["infinite"] > one["baseline_infinite"] else "less often infinite"
    return "higher" if one["difference"] > 0 else "lower"


def who(one: dict[str, Any]) -> str:
    """Return which version a comparison is of."""
    return " in ".join(filter(None, [one["arm"], one["case"]])) or "the scenario"


def _quoted(one: dict[str, Any]) -> str:
    names = [f"“{name}”" for name in (one["arm"], one["case"]) if name]
    return " in ".join(names) or "the scenario"


def _difference(one: dict[str, Any]) -> str:
    if one["difference"] == 0 and not one["half_width"]:
        return "equal"
    if one["difference"] is not None:
        return value(one["metric"], one["difference"], one["half_width"], sign=True)
    if not one["replications"]:
        return "does not apply"
    return f"inf in {one['infinite']}, baseline in {one['baseline_infinite']} of {one['replications']}"


def numbers(one: dict[str, Any]) -> list[str]:
    """Return both means, their difference, the number of pairs and the p-values, in words."""
    ps = ["-" if p is None else f"{p:.2g}" for p in (one["p"], one["p_holm"])]
    sides = [value(one["metric"], one[side]) for side in ("mean", "baseline_mean")]
    return [*sides, _difference(one), str(one["replications"]), *ps]


def waits(book: Book) -> Iterator[Figure]:
    """Yield how waits are distributed, by quantiles: a row for each arm in each case."""
    found = [(arm, case, entry["metrics"]) for case in book.cases for arm, entry in book.entries(case)]
    known = [(arm, case, metrics) for arm, case, metrics in found if _quantiles(metrics)]
    if not known or max(max(_quantiles(metrics)) for _, _, metrics in known) <= 0:
        return
    made = [_waits(arm, case, metrics) for arm, case, metrics in known]
    names = ["median", "95 %", "99 %", "longest"]
    table = Table(
        ["", *names], [[row.name, *_words(metrics)] for row, (_, _, metrics) in zip(made, known, strict=True)]
    )
    longest = max(known, key=lambda one: _quantiles(one[2])[2])
    is_log = min(mark.value for row in made for mark in row.marks) > 0
    caption = (
        "Time from a launch to its grant or denial. From left to right: median (circle), 95 % (square) and 99 % "
        "(diamond) of the launches, and the longest (bar); means of the replications. Longest tail: "
        f"“{_at(*longest[:2])}”: one launch in a hundred takes more than {number(_quantiles(longest[2])[2])} s."
    )
    kind = Kind("s", is_log=is_log)
    yield rows.figure("waits", "How long users wait, s", caption, made, kind, table)


def _quantiles(metrics: dict[str, Any]) -> list[float]:
    means = [metrics[metric]["mean"] for metric, _, _ in WAITS]
    return [] if None in means else [max(plain(mean), 0.0) for mean in means]


def _waits(arm: Arm, case: str | None, metrics: dict[str, Any]) -> Row:
    marks = [
        Mark(max(v, FLOOR_S), shape=shape) for v, (_, shape, _) in zip(_quantiles(metrics), WAITS, strict=True)
    ]
    words = " / ".join(number(value) for value in _quantiles(metrics))
    return Row(_at(arm, case), arm.key, marks, f"{words} s", is_joined=True)


def _at(arm: Arm, case: str | None) -> str:
    return f"{arm.key.name} in {case}" if case else arm.key.name


def _words(metrics: dict[str, Any]) -> list[str]:
    return [value(metric, metrics[metric]["mean"], metrics[metric]["ci95"]) for metric, _, _ in WAITS]


def summary_table(book: Book, case: str | None) -> Table:
    """Return every metric of every arm in a case."""
    found = book.entries(case)
    metrics = list(dict.fromkeys(metric for _, entry in found for metric in entry["metrics"]))
    return Table(
        ["metric", *(arm.key.name for arm, _ in found), "meaning"],
        [
            [
                metric,
                *(_mean(metric, entry["metrics"].get(metric)) for _, entry in found),
                MEANINGS.get(metric, ""),
            ]
            for metric in metrics
        ],
    )


def group_table(book: Book, case: str | None) -> Table | None:
    """Return what each group of clients has of the metrics, beside all of them; None without groups."""
    found = [(arm, entry) for arm, entry in book.entries(case) if entry.get("groups")]
    if not found:
        return None
    parts = [part for arm, entry in found for part in _parts(arm, entry, len(found) > 1)]
    return Table(
        ["metric", *(head for head, _ in parts)],
        [[metric, *(_mean(metric, one.get(metric)) for _, one in parts)] for metric in METRICS_OF_GROUPS],
    )


def _parts(arm: Arm, entry: dict[str, Any], is_one_of_many: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all clients of an arm and each of its groups: how it is headed, and its metrics."""
    name = f"{arm.key.name}: " if is_one_of_many else ""
    yield f"{name}all clients", entry["metrics"]
    for group in entry["groups"]:
        yield f"{name}{group['name']} ({group['clients']:,})", group["metrics"]


def _mean(metric: str, found: dict[str, Any] | None) -> str:
    return "-" if found is None else value(metric, found["mean"], found["ci95"])
