"""Arms beside their baseline, in summary.json and on the screen."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from ..comparisons.families import Comparison
from ..comparisons.of_results import Compared, comparisons
from ..metrics.paired import Paired
from ..runs.results import Results
from .layout import Column, show_columns
from .numbers import short, shown


def content(results: Results) -> list[dict[str, Any]]:
    """Return an entry for each comparison."""
    return [entry(one, results.scenario.compare.confidence) for one in comparisons(results)]


def entry(one: Compared, confidence: float = 0.95) -> dict[str, Any]:
    """Return what JSON has of a comparison."""
    case, arm, baseline = one.rival
    pair, family, simultaneous, p_holm = one.comparison
    mean, half_width = pair.difference or (None, None)
    return {
        "case": case,
        "arm": arm,
        "baseline": baseline,
        "metric": one.metric,
        "replications": pair.n,
        "left_out": pair.left_out,
        "mean": pair.mean,
        "baseline_mean": pair.baseline_mean,
        "infinite": pair.infinite,
        "baseline_infinite": pair.baseline_infinite,
        "difference": mean,
        "half_width": half_width,
        "median_difference": pair.median_difference,
        "test": pair.test,
        "p": pair.p,
        "confidence": confidence,
        "family": family,
        "half_width_bonferroni": simultaneous,
        "p_holm": p_holm,
    }


def show(console: Console, results: Results) -> None:
    """Print a table for each case, or one of all: a row for each metric, a column for each but the baseline."""
    by_case: dict[str | None, list[Compared]] = {}
    for one in comparisons(results):
        by_case.setdefault(one.rival.case if one.rival.arm else None, []).append(one)
    for case, found in by_case.items():
        title = f"{case}: " if case else ""
        words = _what(found, results.scenario.compare.confidence)
        console.print(f"{title}differences to {found[0].rival.baseline!r}, {words}", style="italic")
        show_columns(console, Column("", list(dict.fromkeys(one.metric for one in found))), _columns(found))


def _what(found: list[Compared], confidence: float) -> str:
    """Return in words what the numbers of a table are."""
    pairs, family = [one.comparison.paired for one in found], found[0].comparison.family
    if max(pair.n + pair.left_out for pair in pairs) < 2:
        return "one replication; --replications 10 gives them intervals"
    several = f"; in brackets for all {family} at once: Bonferroni's, and Holm's p" if family > 1 else ""
    signs = "; with inf a sign test" if any(pair.test == "sign" for pair in pairs) else ""
    return f"paired by replication: {100 * confidence:g} % intervals{several}{signs}"


def _columns(found: list[Compared]) -> list[Column]:
    by_name: dict[str, list[str]] = {}
    for one in found:
        by_name.setdefault(one.rival.arm or one.rival.case or "", []).append(_cell(one.comparison))
    return [Column(name, cells) for name, cells in by_name.items()]


def _cell(one: Comparison) -> str:
    """Return the two means, their difference with its interval, and what allows for the other comparisons."""
    pair = one.paired
    if pair.n == 0:
        return "-"
    own, other = _side(pair.mean, pair.infinite, pair.n), _side(pair.baseline_mean, pair.baseline_infinite, pair.n)
    some = f" ({pair.n} of {pair.n + pair.left_out})" if pair.left_out else ""
    if _is_equal(pair):
        return f"equal: {own}{some}"
    return "\n".join([f"{own} vs {other}{some}", *_difference(one)])


def _is_equal(pair: Paired) -> bool:
    """Whether the two are equal in every replication."""
    if pair.difference is None:
        return pair.infinite == pair.baseline_infinite == pair.n
    return pair.difference.mean == 0 and not pair.difference.half_width


def _side(mean: float | None, infinite: int, n: int) -> str:
    return f"inf {infinite}/{n}" if mean is None else short(mean, 4)


def _difference(one: Comparison) -> Iterator[str]:
    pair = one.paired
    if pair.difference:
        yield shown(pair.difference, sign=True)
    elif pair.median_difference is not None:
        yield f"median {short(pair.median_difference, 4, '+')}"
    if pair.p is None or one.p_holm is None:
        return
    p, p_holm = short(pair.p, 2), short(one.p_holm, 2)
    if one.simultaneous is not None and one.family > 1:
        yield f"[± {short(one.simultaneous, 2)}, p {p_holm}]"
    else:
        yield f"p {p}" + f" [{p_holm}]" * (one.family > 1)
