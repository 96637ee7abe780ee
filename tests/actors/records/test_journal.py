"""The journal: complete, the same for any number of shards, and without influence on the run."""

import numpy as np
import pytest
from meterstorm.actors.cluster import host
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import counters, kinds
from meterstorm.experiments.scenario import Scenario

from support.sharded import in_shards, some

BUSY = [scenario for scenario in some(40, 4) if scenario.clients.count > 10 and scenario.faults][:4]


@pytest.mark.parametrize("scenario", BUSY, ids=range(len(BUSY)))
def test_it_holds_every_event_and_message_and_changes_nothing(scenario: Scenario):
    silent, kept = simulate(scenario), simulate(scenario, keep_journal=True)
    assert silent.journal is None
    assert silent.digest == kept.digest
    rows = kept.journal
    handled = rows[rows["what"] == journal.HANDLED]
    assert len(handled) == kept.events
    counted = kept.series.sum(axis=0)
    assert (rows["what"] == journal.LOST).sum() == counted[counters.MESSAGES_LOST]
    assert np.isin(rows["what"], [journal.SENT, journal.LOST]).sum() == counted[counters.MESSAGES]
    assert (np.diff(handled["time"]) >= 0).all()


@pytest.mark.parametrize("shards", [2, 3])
@pytest.mark.parametrize("scenario", BUSY, ids=range(len(BUSY)))
def test_shards_give_the_same_journal(scenario: Scenario, shards: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "PIECE_ROWS", 50 * shards - 1)  # events are cut in two, too
    alone, together = simulate(scenario, keep_journal=True), in_shards(scenario, shards, keep_journal=True)
    assert journal.first_difference(alone.journal, together.journal) is None


def test_the_first_difference_is_found():
    rows = simulate(BUSY[0], keep_journal=True).journal
    other = rows.copy()
    other["attempt"][37] += 1
    other["time"][40] += 1
    assert journal.first_difference(rows, other) == 37
    assert journal.first_difference(rows, rows[:50]) == 50
    assert journal.first_difference(rows, rows) is None


def test_rows_are_told_in_words():
    scenario = BUSY[0]
    rows = simulate(scenario, keep_journal=True).journal
    agents = scenario.clients.count, scenario.servers.count, scenario.servers.sites
    words = [journal.describe(row, *agents) for row in rows]
    request = int(np.argmax((rows["kind"] == kinds.REQUEST) & (rows["what"] == journal.SENT)))
    assert "sent request to server" in words[request]
    observer = "the observer" if scenario.servers.sites == 1 else "observer 0"
    assert any(f"{observer} handled notice of client" in line for line in words)
