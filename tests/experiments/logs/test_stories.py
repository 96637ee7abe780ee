"""What a server did, written as a log in each format, is read as it was."""

from datetime import timedelta
from pathlib import Path

import pytest
from meterstorm.experiments.logs.replay import replay
from meterstorm.experiments.logs.site import Site

from support.logs import BEGIN, Restart, Story, flexnet, plain, rlm, sessions_of, site_of, story

HOUR = timedelta(hours=1)
RESTARTS = [
    Restart(BEGIN + 20 * HOUR, BEGIN + 20 * HOUR + timedelta(seconds=90), says_so=True),
    Restart(BEGIN + 41 * HOUR, BEGIN + 42 * HOUR, says_so=False),
]
KINDS = ("flexnet", "rlm", "csv")


def told(kind: str, happened: Story, licenses: int) -> list[str]:
    if kind == "rlm":
        return rlm(happened.happenings, licenses)
    return flexnet(happened.happenings) if kind == "flexnet" else plain(happened.happenings)


def denials(happened: Story) -> int:
    return sum(1 for row in happened.happenings if row.kind == "denied")


def capacities(site: Site) -> set[tuple[str, int | None]]:
    return {(row["product"], row["licenses"]) for row in site.capacity.to_pylist()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_sessions_are_those_that_were(tmp_path: Path, kind: str, seed: int):
    happened = story(seed, restarts=RESTARTS)
    assert len(happened.sessions) > 50
    assert sessions_of(site_of(tmp_path, told(kind, happened, 3), kind)) == happened.sessions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("counts", [(1,), (1, 2, 3)], ids=["single", "several"])
def test_every_decision_is_repeated_and_the_licenses_are_found(tmp_path: Path, kind: str, counts: tuple[int, ...]):
    happened = story(7, licenses=4, users=12, restarts=RESTARTS, counts=counts)
    site = site_of(tmp_path, told(kind, happened, 4), kind)
    found = replay(site)
    assert found.contradictions == []
    assert found.denials == denials(happened) > 20
    assert found.decisions == found.of_known_capacity == len(happened.sessions) + denials(happened)
    assert capacities(site) == {("editor", 4), ("mesher", 4)}


@pytest.mark.parametrize("kind", KINDS)
def test_outages_are_from_the_last_word_to_the_next_start(tmp_path: Path, kind: str):
    happened = story(3, restarts=RESTARTS)
    last = max(row.time for row in happened.happenings if row.time <= RESTARTS[1].stop)
    expected = [(RESTARTS[0].stop, RESTARTS[0].start), (last, RESTARTS[1].start)]
    rows = site_of(tmp_path, told(kind, happened, 3), kind).outages.to_pylist()
    found = [tuple(BEGIN + timedelta(seconds=row[name]) for name in ("start_s", "end_s")) for row in rows]
    assert found == expected
    assert ["stopped at" in row["evidence"] for row in rows] == [True, False]


def test_without_its_restarts_a_log_contradicts_itself(tmp_path: Path):
    """Handles of programs that ended with their server stay, and what was free seems in use."""
    happened = story(7, licenses=3, users=12, restarts=RESTARTS)
    lines = [
        line for line in flexnet(happened.happenings) if "Licensing version" not in line and "EXIT" not in line
    ]
    assert replay(site_of(tmp_path, lines)).contradictions


def test_decisions_that_are_not_repeated_are_told_with_their_lines(tmp_path: Path):
    """Three denials of the log become grants that are given back at once: each was impossible."""
    happened = story(5, licenses=3, users=12)
    lines = flexnet(happened.happenings)
    denied = [number for number, line in enumerate(lines) if "DENIED" in line][5:50:15]
    for number in reversed(denied):
        granted = lines[number].replace("DENIED", "OUT").partition("(Licensed")[0]
        lines[number : number + 1] = [granted, granted.replace("OUT", "IN")]
    found = replay(site_of(tmp_path, lines))
    assert len(denied) == 3
    assert [row.line for row in found.contradictions] == [number + 1 + k for k, number in enumerate(denied)]
    assert [(row.kind, row.in_use, row.asked, row.licenses) for row in found.contradictions] == [
        ("out", 3, 1, 3)
    ] * 3
    assert found.repeated == found.decisions - 3
