"""The capacity of a pool is the one that the fewest decisions contradict."""

import itertools
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.logs.capacity import CHANGE, Decisions, Fitted, fit
from meterstorm.experiments.logs.replay import replay

from support.logs import BEGIN, Story, flexnet, said, site_of, story

ASKED = st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=12)


def decisions(asked: list[tuple[int, bool]]) -> Decisions:
    """One a row, from row 1 on."""
    need, granted = zip(*asked, strict=True)
    return Decisions(np.arange(1, len(asked) + 1), np.array(need), np.array(granted))


def contradictions(asked: list[tuple[int, bool]], licenses: int) -> int:
    return sum((need <= licenses) != granted for need, granted in asked)


def of(asked: list[tuple[int, bool]], fitted: list[Fitted]) -> int:
    """Contradictions of what was fitted; an unknown number of licenses grants all."""
    edges = [*(max(0, one.row - 1) for one in fitted), len(asked)]  # the first one is from row 0 on
    return sum(
        contradictions(asked[a:b], 10**9 if one.licenses is None else one.licenses)
        for one, (a, b) in zip(fitted, itertools.pairwise(edges), strict=True)
    )


@given(ASKED)
def test_no_other_number_contradicts_fewer_decisions(asked: list[tuple[int, bool]]):
    found = fit(decisions(asked), [])
    assert len(found) == 1
    assert of(asked, found) == min(contradictions(asked, licenses) for licenses in range(8))


@given(ASKED, st.sets(st.integers(2, 12), max_size=3))
def test_no_other_changes_pay(asked: list[tuple[int, bool]], changes: set[int]):
    """Each change costs as much as the decisions that it must explain: all choices are tried."""
    rows = sorted(row for row in changes if row <= len(asked))
    found = fit(decisions(asked), rows)
    assert {one.row for one in found[1:]} <= set(rows)
    cost = of(asked, found) + CHANGE * (len(found) - 1)
    edges = [0, *(row - 1 for row in rows), len(asked)]
    periods = [asked[a:b] for a, b in itertools.pairwise(edges)]
    least = min(
        sum(map(contradictions, periods, chosen)) + CHANGE * sum(a != b for a, b in itertools.pairwise(chosen))
        for chosen in itertools.product(range(8), repeat=len(periods))
    )
    assert cost == least


def test_without_denials_only_the_most_in_use_is_known():
    assert fit(decisions([(1, True), (4, True)]), []) == [
        Fitted(0, None, "never denied: at least 4, the most in use", 0)
    ]


def test_the_least_number_is_told_with_those_that_fit_as_well():
    (found,) = fit(decisions([(90, True), (120, False)]), [])
    assert found.licenses == 90
    assert found.evidence.endswith("so they do with any number up to 119")


def test_denials_of_what_was_granted_otherwise_say_nothing():
    (found,) = fit(decisions([(1, False), *[(k, True) for k in range(1, 6)]]), [])
    assert (found.licenses, found.denials) == (None, 1)
    assert "1 denials say nothing" in found.evidence


@pytest.mark.parametrize(("denials", "expected"), [(3, [5]), (5, [5, 4])])
def test_few_decisions_change_nothing(denials: int, expected: list[int]):
    """Five licenses, of which after a reread the last one is denied a few times."""
    before = [*[(5, True)] * 9, (6, False)]
    found = fit(decisions([*before, (4, True), *[(5, False)] * denials]), [11])
    assert [one.licenses for one in found] == expected


def changed(event: str, seed: int = 3) -> list[str]:
    """A day with five licenses, then a line, then days with four."""
    before, after = (story(seed + n, licenses=n, users=12, days=1.5) for n in (5, 4))
    shift = timedelta(days=2)
    again = [row._replace(time=row.time + shift) for row in after.happenings]
    ended = [row for row in before.happenings if row.kind != "start"] + back(before)
    first = flexnet([before.happenings[0], *ended])
    return [*first, said(BEGIN + shift, event), *flexnet(again)[2:]]


def back(told: Story) -> list:
    """All that was out at the end comes back."""
    held = {}
    for row in told.happenings:
        held[row.user] = row if row.kind == "out" else held.get(row.user) if row.kind == "denied" else None
    end = told.happenings[-1].time
    return [row._replace(kind="in", time=end) for row in held.values() if row]


def test_a_reread_may_change_the_licenses(tmp_path: Path):
    site = site_of(tmp_path, changed("Rereading license file..."))
    rows = {(row["product"], row["from_s"], row["licenses"]) for row in site.capacity.to_pylist()}
    assert rows == {(product, *one) for product in ("editor", "mesher") for one in [(0.0, 5), (172800.0, 4)]}
    assert replay(site).contradictions == []


@pytest.mark.parametrize("event", ["Rereading options file...", "TIMESTAMP 3/3/2024"])
def test_nothing_else_changes_them(tmp_path: Path, event: str):
    site = site_of(tmp_path, changed(event))
    assert site.capacity.num_rows == 2
    assert replay(site).contradictions
