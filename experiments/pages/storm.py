"""The report of the storm benchmark: how policies stand over all storms, and what they score in each."""

from collections.abc import Iterator
from pathlib import Path

from ..drawing import rows
from ..drawing.figure import Figure, Key, Table
from ..drawing.rows import Kind, Mark, Row
from ..drawing.text import number
from ..scenario import counted
from ..storm import folder as folders
from ..storm import tables
from ..storm.contests import Contest
from ..storm.folder import Facts
from ..storm.scores import COST, SCORES
from ..storm.standing import Standing, estimate_of, standing
from .chapters import Chapter, Group, Report
from .markup import items, name, paragraph


def report(folder: Path) -> Report:
    """Return the report of a storm benchmark's folder; raises ValueError if it cannot be read."""
    facts, contests = folders.read(folder)
    if not contests:
        raise ValueError(f"{folder}: the folder of a storm benchmark of which nothing is done yet")
    found = standing(contests, facts.baseline, facts.weights)
    keys = {policy: Key(policy, n) for n, policy in enumerate(found.policies)}
    chapters = [
        Chapter("standing", "All storms", paragraph(name(tables.legend(found))), [], [_overall(found)]),
        Chapter("storms", "Storm by storm", "", [Group("", [_costs(found, one, keys) for one in contests])]),
        Chapter("scores", "Scores", "", [], list(_scores(found))),
        Chapter("method", "What was measured", _method(facts, found)),
    ]
    return Report("Policies in storms", _verdict(facts, found), list(keys.values()), chapters)


def _verdict(facts: Facts, found: Standing) -> str:
    """Return in a sentence who costs the least, and whether anybody beats the baseline everywhere."""
    first = tables.overall(found)[0]
    words = f"<strong>{name(first.policy)}</strong> costs the least over {counted(first.contests, 'storm')}"
    told = (
        f"less than {name(found.baseline)} in {first.cheaper}, more in {first.dearer}, and not told in the others"
    )
    start = "Interrupted. " if facts.interrupted else ""
    return f"{start}{words}: {told}." if first.policy != found.baseline else f"{start}{words}."


def _overall(found: Standing) -> tuple[str, Table]:
    content = [[row.policy, *tables.cells(row)] for row in tables.overall(found)]
    return "The cheapest first; counts are of storms, better and worse of scores", Table(
        ["", *tables.HEADS], content
    )


def _costs(found: Standing, contest: Contest, keys: dict[str, Key]) -> Figure:
    """Return what each policy costs in a storm, with its 95 % interval."""
    made = [_row(found, contest, policy, keys[policy]) for policy in contest.scores]
    content = Table(["", "cost"], [[row.name, row.words] for row in made])
    front = found.fronts[found.contests.index(contest)]
    sure = [policy for policy, probability in front.items() if probability >= 0.95]
    caption = (
        f"The weighted sum of the scores, with 95 % intervals of each mean. Beaten by nobody in all scores, with "
        f"at least 95 % of the resamples: {', '.join(sure) or 'nobody'}."
    )
    return rows.figure(f"cost {contest.title}", f"{contest.title}: cost", caption, made, Kind("cost"), content)


def _row(found: Standing, contest: Contest, policy: str, key: Key) -> Row:
    mean = estimate_of(contest.values(policy, COST, found.weights))
    if mean is None:
        return Row(policy, key, [], "does not apply")
    half = mean.half_width
    mark = Mark(mean.mean) if half is None else Mark(mean.mean, mean.mean - half, mean.mean + half)
    return Row(policy, key, [mark], number(mean.mean) + ("" if half is None else f" ± {number(half)}"))


def _scores(found: Standing) -> Iterator[tuple[str, Table]]:
    for contest in found.contests:
        columns = list(tables.of_contest(found, contest))
        content = [list(map(str, row)) for row in zip(*(column.cells for column in columns), strict=True)]
        yield contest.title, Table([column.head for column in columns], content)


def _method(facts: Facts, found: Standing) -> str:
    words = (
        f"{counted(len(facts.scenarios), 'scenario')}, {len(found.policies)} policies, "
        f"{counted(facts.replications, 'replication')} of each at common random numbers"
        f"{'; the short form, each scenario at its first setting' * facts.is_quick}. The cost is the sum of the "
        "scores that apply, each times its weight; a client that is never served counts the measured time. "
        "The front is that of the scores, without the cost: 1,000 bootstrap resamples of the replications."
    )
    scores = [f"{score.head}: {score.meaning}; weight {found.weights[score.name]:.4g}" for score in SCORES]
    titles = [f"{scenario}: {title}" for scenario, title in facts.scenarios.items()]
    return paragraph(name(words)) + "".join(items(map(name, lines)) for lines in (scores, titles, facts.failures))
