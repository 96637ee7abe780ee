"""No user waits for ever: once the faults are healed, and with demand below capacity, all are decided in time."""

import pytest
from meterstorm.experiments.scenario import Scenario

from oracles.properties.liveness import decides, grants, haunted, healing
from support import drawn


@pytest.mark.parametrize("part", range(2))
def test_all_are_decided_in_time(part: int):
    waited = 0

    def check(scenario: Scenario) -> None:
        nonlocal waited
        waited += decides(scenario)

    drawn.explore(healing(), check, 100, part)
    assert waited > 20, "hardly anyone waited when the faults ended"


def test_all_are_granted_in_the_end():
    denied = 0

    def check(scenario: Scenario) -> None:
        nonlocal denied
        denied += grants(scenario)

    drawn.explore(haunted(), check, 100, 0)
    assert denied > 30, "hardly anyone had been denied when the faults ended"
