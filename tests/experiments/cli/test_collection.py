"""The collection kb on the command line."""

import json
import re

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import kb as collection
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import built_in, load

from support.command_line import invoke, refused, run_json


@pytest.fixture
def two_articles(monkeypatch):
    monkeypatch.setattr(collection, "names", lambda: ["q226838", "q226823"])


def test_kb_is_every_scenario_of_an_article():
    content = run_json("kb", "--replications", 1, "--set", "run.sample_s=600")
    assert list(content) == ["schema", "collection", "digest", "articles"]
    names = [name for name in built_in() if load(name).article]
    assert [entry["scenario"] for entry in content["articles"]] == names
    for name, entry in zip(names, content["articles"], strict=True):
        scenario = load(name)
        assert (entry["article"], entry["title"]) == (scenario.article, scenario.title)
        assert entry["seed"] == scenario.run.seed
        symptoms = [case for case in scenario.cases if case.symptom]
        assert [(row["symptom"], row["metric"]) for row in entry["symptoms"]] == [
            (case.symptom, case.metric) for case in symptoms
        ]
        assert {row["reproduced"] for row in entry["symptoms"]} == {entry["reproduced"]} == {None}


def test_each_scenario_of_kb_is_the_one_that_runs_alone(here, two_articles):
    options = ["--seed", 3, "--replications", 3]
    content = run_json("kb", *options, "--out", "out")
    assert sorted(path.name for path in (here / "out").iterdir()) == ["q226823", "q226838"]
    for entry in content["articles"]:
        alone = run_json(entry["scenario"], *options, "--out", f"alone-{entry['scenario']}")
        kept = json.loads((here / "out" / entry["scenario"] / "summary.json").read_text())
        assert kept["arms"] == alone["arms"]
        assert entry["digest"] == kept["digest"] == alone["digest"]
        (row,) = entry["symptoms"]
        for side, arm in (("defect", alone["arms"][-2]), ("cure", alone["arms"][-1])):
            assert (row[side]["arm"], row["case"]) == (arm["name"], arm["case"])
            metric = arm["metrics"][row["metric"]]
            assert (row[side]["mean"], row[side]["ci95"]) == (metric["mean"], metric["ci95"])
        assert row["less"]["mean"] == pytest.approx(
            row["defect"]["excess"]["mean"] - row["cure"]["excess"]["mean"]
        )
        assert entry["reproduced"] is row["reproduced"] is True


def test_the_table_of_kb(here, two_articles):
    result = invoke("run", "kb", "--replications", 3, "--workers", 0)
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if "Q226838" in line or "Q226823" in line]
    assert all(re.search(r"│ reproduced +│ (ghost_license_hours|denials_misplaced)", row) for row in rows)
    assert len(rows) == 2
    assert "honored: 0 ± 0" in result.stdout
    assert "2 of 2 symptoms reproduced; " in result.stdout
    assert "results in results; digest " in result.stdout
    assert [path.name[:8] for path in sorted((here / "results").iterdir())] == ["q226823-", "q226838-"]


def test_one_replication_of_kb_is_not_judged(two_articles):
    result = invoke("run", "kb", "--replications", 1, "--workers", 0)
    assert "0 of 2 symptoms reproduced, 2 not judged; " in result.stdout
    assert result.stdout.count("not judged (one replication)") == 2


def test_what_is_not_reproduced_is_said_and_is_no_error(two_articles):
    short = ["--set", "workload.run_time_s=0.1"]  # nobody holds a license when the server goes away
    result = invoke("run", "kb", "--replications", 3, "--workers", 0, *short)
    assert result.exit_code == 0
    assert "0 of 2 symptoms reproduced; " in result.stdout
    assert re.search("Q226838 .* not reproduced ", result.stdout)


WRONG_FOR_KB = {
    "--failover never": ["--failover never: not for kb"],
    "--selection ring": ["--selection ring: not for kb"],
    "--admission fifo": ["--admission fifo: not for kb"],
    "--balancing static": ["--balancing static: not for kb"],
    "--check-shards 2": ["--check-shards 2: not for kb"],
    "--journal": ["--journal: not for kb"],
    "--shards 2 --workers 3": ["--workers 3", "2 shards share each"],
    "--clock wall": ["--clock wall: not for kb"],
    "--pace 2": ["--pace 2: not for kb"],
    "--set clients.cont=3": ["clients.cont: unknown key"],
    "--set policies.failover.retries=3": ["unknown parameter", "(in q226823, q226838"],
    "--set clients.release_old=deferred": ['"released" (sets clients.release_old)', "(in q226838)"],
    "--arms none": ["--arms none: not for kb"],
    "--arm released": ["--arm released: not for kb"],
    "--set seed": ['"seed" is not an override'],
    "--replications 0": ["run.replications: 0"],
    "--out mine.py": ["--out", "mine.py"],
}


def test_a_collection_on_the_wall_clock_does_not_drop_options(here, monkeypatch):
    monkeypatch.setattr(collection, "names", lambda: ["q226827"])
    settings = ("run.clock=wall", "policies.balancing.name=static")
    wall = [word for setting in settings for word in ("--set", setting)]
    result = invoke("run", "kb", "--json", "--workers", 2, *wall)
    refused(result, console.WRONG_INPUT, ['--workers 2: not with run.clock = "wall"'])


@pytest.mark.parametrize("options", WRONG_FOR_KB)
def test_wrong_input_for_kb(options, here, monkeypatch):
    monkeypatch.setattr(collection, "names", lambda: ["q226823", "q226838", "q235786"])
    result = invoke("run", "kb", "--json", *options.split())
    refused(result, console.WRONG_INPUT, WRONG_FOR_KB[options])
    lines = re.sub(r" \(in .*", "", result.stderr).splitlines()
    assert len(lines) == len(set(lines))  # said once, not for every scenario
    assert ("(in q" in result.stderr) == ("retries" in options or "release_old" in options)
    assert not (here / "results").exists()


def test_an_interrupt_of_kb_keeps_what_is_finished(here, two_articles, monkeypatch):
    whole, done = run.run_world, []

    def interrupted(*job):
        done.append(job)
        if len(done) > 4 * 2 + 3:  # the first scenario, and three worlds of the second
            raise KeyboardInterrupt
        return whole(*job)

    monkeypatch.setattr(run, "run_world", interrupted)
    result = invoke("run", "kb", "--replications", 2, "--workers", 0, "--json", "--out", "out")
    assert result.exit_code == console.INTERRUPTED
    assert "interrupted; kept 11 of 16 worlds in out" in result.stderr
    first, second = json.loads(result.stdout)["articles"]
    assert (first["scenario"], first["reproduced"] is None) == ("q226838", False)
    assert (second["scenario"], second["symptoms"]) == ("q226823", [])
    kept = [json.loads((here / "out" / n / "summary.json").read_text())["arms"] for n in ("q226838", "q226823")]
    assert [[arm["replications"] for arm in arms] for arms in kept] == [[2, 2, 2, 2], [1, 1, 1]]
