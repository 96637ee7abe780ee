"""The benchmark as tables: a row for each policy, over all contests and in each of them."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from ..metrics.paired import sign_test
from ..reports.layout import Column, show_columns
from .compared import ALPHA
from .contests import Contest
from .scores import COST, SCORES
from .standing import Row, Standing, estimate_of

MARKS = {-1: " <", 0: "", 1: " >"}
STYLES = {-1: "green", 0: "", 1: "red"}
HEADS = ("cost", "cheaper", "dearer", "better", "worse", "on front")
LEGEND = (
    "Less is better. < and > are less and more than {baseline!r} by more than the intervals that hold for all "
    "{family:,} comparisons at once (95 %, Bonferroni; with infinite values, Holm)."
)
TOO_FEW = " With {replications} replications infinite values are never told apart."


def show(console: Console, found: Standing) -> None:
    """Print the table of all contests, and then one for each scenario, at its first setting."""
    rows = overall(found)
    console.print(f"All {len(found.contests)} contests", style="italic")
    parts = zip(HEADS, zip(*(cells(row) for row in rows), strict=True), strict=True)
    show_columns(console, Column("", [row.policy for row in rows]), [Column(head, own) for head, own in parts])
    for contest in first_of_each(found.contests):
        console.print(contest.title, style="italic")
        labels, *columns = of_contest(found, contest)
        show_columns(console, labels, columns)
    console.print(legend(found))
    if left := len(found.contests) - len(first_of_each(found.contests)):
        console.print(f"{left} more settings: in report.html and in the Parquet files")


def legend(found: Standing) -> str:
    """Return what the marks mean, and what so few replications cannot say."""
    family = next((one.comparison.family for one in found.compared.values()), 0)
    most = max((contest.replications for contest in found.contests), default=0)
    is_blind = sign_test([1.0] * most, [0.0] * most) >= ALPHA
    return LEGEND.format(baseline=found.baseline, family=family) + is_blind * TOO_FEW.format(replications=most)


def overall(found: Standing) -> list[Row]:
    """Return the policies as they stand in all contests, the cheapest first."""
    return sorted(map(found.row, found.policies), key=lambda row: row.cost)


def cells(row: Row) -> list[str]:
    """Return the cells of a row, one for each of HEADS."""
    counts = row.cheaper, row.dearer, row.better, row.worse
    return [number(row.cost), *map(str, counts), f"{row.on_front} of {row.contests}"]


def first_of_each(contests: Sequence[Contest]) -> list[Contest]:
    """Return the contests at the first setting of each scenario, in each of its cases."""
    first: dict[str, str] = {}
    for contest in contests:
        first.setdefault(contest.scenario, contest.setting)
    return [contest for contest in contests if contest.setting == first[contest.scenario]]


def of_contest(found: Standing, contest: Contest) -> Iterator[Column]:
    """Yield the columns of a contest: policies, scores, cost, and how sure they are on the front."""
    policies, names = list(contest.scores), contest.applying()
    yield Column("", policies)
    for score in SCORES:
        if score.name in names:
            yield Column(score.head, [_cell(found, contest, policy, score.name) for policy in policies])
    yield Column("cost", [_cell(found, contest, policy, COST) for policy in policies])
    front = found.fronts[found.contests.index(contest)]
    yield Column("on front", [f"{front[policy]:.0%}" for policy in policies])


def _cell(found: Standing, contest: Contest, policy: str, score: str) -> Text:
    mean = estimate_of(contest.values(policy, score, found.weights))
    verdict = found.verdict(contest, policy, score)
    return Text("-" if mean is None else number(mean.mean) + MARKS[verdict], style=STYLES[verdict])


def number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"
