"""The launches of a log: in the order of the log, one for each launch, and decided by the engine as in the log."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.logs.site import Site, write_site
from meterstorm.experiments.logs.trace import PROGRAMS_MAX, REPEAT_S, exact_times
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario.files import load

from support.logs import BEGIN, Happening, Restart, banner, flexnet, of_user, said, site_of, story

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
HEAD = [banner(BEGIN), said(BEGIN, "FlexNet Licensing version v11.19.1")]


def line(time_s: float, kind: str, product: str = "f", user: str = "ann") -> str:
    time = BEGIN + timedelta(seconds=time_s)
    return said(time, of_user(Happening(time, kind, product, user, "pc1")))


def launches(site: Site, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in site.trace.to_pylist()]


@given(st.lists(st.integers(0, 20)).map(sorted))
def test_times_within_a_second_are_in_order_and_stay_there(seconds: list[int]):
    found = exact_times([float(second) for second in seconds]).tolist()
    assert found == sorted(set(found))
    assert [int(time) for time in found] == seconds


def test_a_launch_runs_as_long_as_its_session(tmp_path: Path):
    site = site_of(
        tmp_path, [*HEAD, line(10, "out"), line(40, "in"), line(50, "out", user="bob"), line(60, "out")]
    )
    assert launches(site, "time_s", "client", "run_time_s") == [(10, 0, 30), (50, 1, 11), (60, 0, 1)]


def test_who_asks_again_soon_is_one_launch_that_runs(tmp_path: Path):
    """The first two denials are followed by another request within the time; nothing follows the last one."""
    denied = [line(1000 + k * (REPEAT_S - 1), "denied", user="bob") for k in range(2)]
    last = line(1000 + 4 * REPEAT_S, "denied", user="bob")
    site = site_of(tmp_path, [*HEAD, line(10, "out"), line(70, "in"), *denied, last])
    assert [run_s for (run_s,) in launches(site, "run_time_s")] == [60, 0, 60, 60]


def packages(times: int, alone: int = 0) -> list[str]:
    """Launches that check out a parent and a child in one second, and some of the child alone."""
    lines = []
    for k in range(times):
        both = ("parent", "child") if k % 2 else ("child", "parent")
        lines += [line(600 * k, "out", product) for product in both]
        lines += [line(600 * k + 60, "in", product) for product in both]
    for k in range(times, times + alone):
        lines += [line(600 * k, "out", "child"), line(600 * k + 60, "in", "child")]
    return [*HEAD, *lines]


def test_features_of_a_package_are_one_launch(tmp_path: Path):
    site = site_of(tmp_path, packages(20))
    assert {product for (product,) in launches(site, "product")} == {"child"}
    assert site.trace.num_rows == 20
    assert site.sessions.num_rows == 40
    assert "- parent of vendord comes with child: 20 of its requests are part of those." in site.page


def test_features_that_are_asked_for_alone_too_are_launches_of_their_own(tmp_path: Path):
    site = site_of(tmp_path, packages(20, alone=2))
    assert site.trace.num_rows == 22  # all 20 of the parent come with the child, not the other way round
    assert {product for (product,) in launches(site, "product")} == {"child"}
    lines = packages(20)
    apart = [one for one in lines if "IN" not in one or "parent" not in one]
    late = [one.replace("22:00:00", "22:00:05") if "parent" in one else one for one in apart]
    assert site_of(tmp_path, late).trace.num_rows == 21


def test_a_product_of_known_capacity_is_no_part_of_another(tmp_path: Path):
    """Its denials would be lost."""
    lines = packages(20)
    for k in reversed(range(20)):
        lines.insert(len(HEAD) + 4 * k + 2, line(600 * k + 30, "denied", "parent", "bob"))
    site = site_of(tmp_path, lines)
    assert ("parent", 1) in {(row["product"], row["licenses"]) for row in site.capacity.to_pylist()}
    assert {product for (product,) in launches(site, "product")} == {"parent"}


def test_who_runs_more_than_a_client_can_has_further_clients(tmp_path: Path):
    outs = [line(k, "out") for k in range(PROGRAMS_MAX + 3)]
    site = site_of(tmp_path, [*HEAD, *outs, line(90, "out", user="bob"), line(100, "in"), line(101, "out")])
    clients = [client for (client,) in launches(site, "client")]
    assert clients == [0] * PROGRAMS_MAX + [2] * 3 + [1, 0]
    assert site.facts["clients"] == 2


def replayed(site: Site, folder: Path) -> dict[str, Any]:
    """The metrics of a site's scenario on the engine."""
    write_site(folder / "site", site)
    scenario = load(folder / "site" / "scenario.toml")
    return metrics(scenario, simulate(scenario, 0))


RESTARTS = [
    Restart(BEGIN + 20 * HOUR, BEGIN + 20 * HOUR + 90 * SECOND, says_so=True),
    Restart(BEGIN + 41 * HOUR, BEGIN + 42 * HOUR, says_so=False),
]


@pytest.mark.parametrize("counts", [(1,), (1, 2, 3)], ids=["single", "several"])
@pytest.mark.parametrize("restarts", [[], RESTARTS], ids=["up", "restarted"])
def test_the_engine_decides_as_the_server_did(tmp_path: Path, counts: tuple[int, ...], restarts: list[Restart]):
    happened = story(11, licenses=4, users=12, counts=counts, restarts=restarts)
    denied = sum(1 for row in happened.happenings if row.kind == "denied")
    found = replayed(site_of(tmp_path, flexnet(happened.happenings)), tmp_path)
    assert denied > 20
    assert (found["grants"], found["denials"]) == (len(happened.sessions), denied)
    assert (found["suppressed"], found["refusals"]) == (0, 0)
