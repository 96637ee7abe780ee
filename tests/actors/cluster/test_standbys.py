"""Stand-bys: one for each kill, and never many at once."""

from collections import Counter

import pytest
from meterstorm.actors.cluster.standbys import AHEAD, Standbys


@pytest.mark.parametrize("times", [1, 2, 3, 50])
def test_each_kill_has_one_of_its_own_and_few_are_there_at_once(times):
    begun: list[int] = []

    def begin(server: int) -> tuple[int, str]:
        begun.append(server)
        return len(begun), f"call {len(begun)}"

    kills = Counter({0: times, 7: 1})
    standbys = Standbys(kills, begin)
    taken = []
    for _ in range(times):
        assert begun.count(0) - len(taken) <= AHEAD
        assert standbys.calls[0] == f"call {standbys._ahead[0][0][0]}"
        taken.append(standbys.take(0))
        standbys.begin_next(0)
    assert len(set(taken)) == times
    assert begun.count(0) == times and begun.count(7) == 1
    assert kills == {0: times, 7: 1}
    with pytest.raises(IndexError):
        standbys.take(0)
