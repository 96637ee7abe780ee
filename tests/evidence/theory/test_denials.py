"""What denied users do, against small Markov chains and their limits."""

import math
from pathlib import Path
from typing import Any

import pytest

from support.laws import engset, persistent, retrying, up_to
from support.trials import LOSS_SYSTEM, check

SOURCES, LICENSES, THINK_S = 8, 3, 2.0
CLOSED: dict[str, Any] = LOSS_SYSTEM | {
    "run": {"duration_s": 8000.0, "warmup_s": 60.0, "sample_s": 8000.0},
    "clients": LOSS_SYSTEM["clients"] | {"count": SOURCES},
    "products": [{"name": "editor", "licenses": LICENSES}],
    "workload": {"launch_interval_s": THINK_S, "run_time_s": 1.0},
}
PERSISTENT = """
from typing import NamedTuple

from meterstorm.policies import ask_again, give_up


class Persistent(NamedTuple):
    delay_s: float = 1.0
    again: float = 0.5

    def on_denial(self, denied, u):
        return ask_again(denied.pause * self.delay_s) if u < self.again else give_up()
"""


def denial(name: str, **parameters: float) -> dict[str, Any]:
    """The layer with a denial policy."""
    return {"policies": {"denial": {"name": name, **parameters}}}


def law(delay_s: float, after: list[tuple[int, float]]) -> dict[str, float]:
    """The means of the closed system, by its chain."""
    return retrying(SOURCES, LICENSES, 1 / THINK_S, 1 / delay_s, after)


LOST = engset(SOURCES, LICENSES, 1 / THINK_S)


@pytest.mark.parametrize("once", [up_to(1), persistent(0.0)])
def test_one_try_is_engsets_system(once: list[tuple[int, float]]):
    chain = law(1.0, once)
    assert chain["denials"] / chain["launches"] == pytest.approx(LOST)


@pytest.mark.parametrize("twice", [up_to(2), persistent(1.0)])
def test_who_waits_for_ever_leaves_the_others_a_license_each(twice: list[tuple[int, float]]):
    assert law(1e9, twice)["waiting"] == pytest.approx(SOURCES - LICENSES, rel=1e-6)


def test_tries_at_once_are_repeated_in_vain():
    hasty, once = law(1e-9, up_to(3)), law(1.0, up_to(1))
    assert hasty["grants"] == pytest.approx(once["grants"], rel=1e-6)
    assert hasty["denials"] == pytest.approx(3 * once["denials"], rel=1e-6)


@pytest.mark.parametrize(("tries", "delay_s"), [(2, 0.5), (2, 3.0), (3, 1.0)])
def test_users_who_give_up_after_so_many_tries(tries: int, delay_s: float):
    """A finite retrial queue with a limited number of tries (Falin and Templeton 1997, ch. 3)."""
    chain = law(delay_s, up_to(tries))
    check(
        {
            "denials / launches": chain["denials"] / chain["launches"],
            "grants / launches": chain["grants"] / chain["launches"],
            "waiting_users_mean": chain["waiting"],
            "licenses_in_use_mean": chain["busy"],
        },
        CLOSED,
        denial("retry", delay_s=delay_s, tries=tries),
    )


@pytest.mark.parametrize("again", [0.3, 0.8])
def test_users_of_a_persistence_of_their_own(again: float, tmp_path: Path):
    """A user's own policy: who is denied asks again with a fixed chance."""
    file = tmp_path / "mine.py"
    file.write_text(PERSISTENT)
    chain = law(1.0, persistent(again))
    check(
        {
            "denials / launches": chain["denials"] / chain["launches"],
            "grants / launches": chain["grants"] / chain["launches"],
            "waiting_users_mean": chain["waiting"],
        },
        CLOSED,
        denial(f"{file}:Persistent", delay_s=1.0, again=again),
    )


@pytest.mark.parametrize("servers", [2, 3])
def test_an_ordered_list_of_servers_is_one_pool(servers: int):
    """Who asks all servers, one after the other, before giving up is lost only when all are full: Engset."""
    check(
        {"grants / launches": 1 - LOST},
        CLOSED,
        {"servers": {"count": servers}},
        denial("give-up", servers=math.inf),
    )
