"""Whatever the scenario, the books balance: hypothesis draws whole scenarios, and all is counted once more."""

from collections import Counter

import pytest
from meterstorm.experiments.scenario import Scenario
from meterstorm.experiments.scenario.faults import FAULTS
from meterstorm.experiments.scenario.schema import LISTS, SECTIONS
from meterstorm.experiments.scenario.versions import ABOUT_VERSIONS
from meterstorm.policies.registry import BUILT_IN

from oracles.properties.balance import COUNTED, balances, quiet
from support import drawn


@pytest.mark.parametrize("part", range(2))
def test_the_books_balance(part: int):
    happened: Counter[str] = Counter()
    drawn.explore(drawn.scenarios(), lambda scenario: happened.update(balances(scenario)), 400, part)
    seldom = [
        name for name in (*COUNTED, *FAULTS, "LOST", "callback", "called back", "debt") if happened[name] < 2
    ]
    assert not seldom, f"hardly ever happened: {seldom}"


@pytest.mark.parametrize("part", range(2))
def test_a_quiet_end_leaves_nothing_behind(part: int):
    happened: Counter[str] = Counter()
    drawn.explore(quiet(), lambda scenario: happened.update(balances(scenario)), 60, part)
    assert happened["TIMEOUTS"] > 15


def test_all_that_a_file_may_say_is_drawn():
    keys, named, kinds = set(), set(), set()

    def look(scenario: Scenario) -> None:
        for name, table in scenario:
            for row in table if name in LISTS else [table] if name in SECTIONS else []:
                default = type(row).model_construct()
                keys.update(f"{name}.{key}" for key, value in row if value != getattr(default, key, None))
        named.update((kind, choice.name) for kind, choice in scenario.policies)
        kinds.update(fault.kind for fault in scenario.faults)

    drawn.explore(drawn.scenarios(), look, 500, 0)
    known = {f"{name}.{key}" for name, table in (SECTIONS | LISTS).items() for key in table.model_fields}
    not_of_a_world = {f"run.{key}" for key in ("replications", "first_replication", "shards", "clock", "pace")}
    not_of_a_world |= {"servers.backend"}  # of the wall clock only
    left_out = {key for key in known - keys - not_of_a_world if key.split(".")[0] not in ABOUT_VERSIONS}
    assert not left_out
    assert named == {(kind, name) for kind, policies in BUILT_IN.items() for name in policies}
    assert kinds == set(FAULTS)
