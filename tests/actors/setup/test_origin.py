"""What results come from: any difference is seen, and said whose it is."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from meterstorm.actors.compiled.sources import hash_of, sources_of
from meterstorm.actors.setup import origin
from meterstorm.actors.setup.origin import CODE, OriginError, check, of_world
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.shards.tally import merge
from meterstorm.experiments.scenario import validate
from meterstorm.policies import sources

OWN = """
from typing import NamedTuple
from meterstorm.policies import retry

class Own(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(5.0)
"""
ROOMS = ("actors", "experiments", "policies")


@pytest.mark.parametrize("room", ROOMS)
def test_the_sources_of_every_room_count(room, tmp_path):
    """One comment in one file of a room makes them others."""
    for source in sources_of(room)[::7]:
        changed = tmp_path / "changed.py"
        changed.write_bytes(source.read_bytes() + b"# changed\n")
        files = [changed if path == source else path for path in sources_of(*ROOMS)]
        assert hash_of(files) != CODE["sources"]


def test_the_top_package_does_not_count():
    """It lies elsewhere where the package is installed from a wheel."""
    assert {path.parent.name for path in sources_of(*ROOMS)} >= {"runs", "cluster", "policies"}
    assert not [path for path in sources_of(*ROOMS) if path.parts[-2] == "meterstorm"]


def test_a_world_comes_from_its_files_too(tmp_path: Path):
    policy, trace = tmp_path / "own.py", tmp_path / "trace.csv"
    policy.write_text(OWN)
    trace.write_text("time_s,client,run_time_s\n10,0,5\n")
    scenario = validate({
        "title": "of files",
        "run": {"duration_s": 100.0, "warmup_s": 0.0},
        "workload": {"arrivals": "trace", "trace": str(trace)},
        "policies": {"failover": {"name": f"{policy}:Own"}},
    })  # fmt: skip
    found = of_world(scenario)
    assert found.keys() == CODE.keys() | {str(policy), str(trace)}
    assert simulate(scenario).origin == found
    trace.write_text("time_s,client,run_time_s\n10,0,6\n")
    assert {name for name, value in of_world(scenario).items() if found[name] != value} == {str(trace)}
    policy.write_text(OWN + "# changed\n")
    assert of_world(scenario)[str(policy)] == found[str(policy)]  # what was read counts
    sources.forget(policy)
    assert of_world(scenario)[str(policy)] != found[str(policy)]


@pytest.mark.parametrize("name", CODE)
def test_any_difference_is_said_whole(name):
    other = {**CODE, name: "another"}
    message = f"node 7 has {name} another; this run has {name} {CODE[name]}; they must be the same"
    with pytest.raises(OriginError, match=f"^{re.escape(message)}$"):
        check(other, CODE, "node 7")
    with pytest.raises(OriginError, match=f"{name} None"):
        check({key: value for key, value in CODE.items() if key != name}, CODE, "node 7")
    check(dict(CODE), CODE, "node 7")


def test_tallies_of_other_origins_do_not_add_up():
    tally = simulate(validate({"title": "short", "run": {"duration_s": 100.0, "warmup_s": 0.0}}))
    assert merge([tally, tally]).origin == tally.origin
    other = replace(tally, origin={**CODE, "numba": "0.1"})
    with pytest.raises(OriginError, match=r"^shard 1 has numba 0\.1; this run has numba "):
        merge([tally, other])
    assert origin.CODE["numba"] != "0.1"
