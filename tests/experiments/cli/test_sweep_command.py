"""meterstorm sweep: its folder, its tables, its failures, and how it ends."""

import csv
import json
import shlex

import pytest
from meterstorm.actors.engine.invariants import InvariantViolation
from meterstorm.actors.setup import origin
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import sweep as report
from meterstorm.experiments.scenario import load
from meterstorm.experiments.sweeps import chunks, pool
from meterstorm.experiments.sweeps import run as sweeps
from meterstorm.experiments.sweeps.points import plan
from pyarrow import parquet

from support.command_line import invoke, refused, run_json
from support.sweeps import PLAYED, SCENE

FILES = ["costs.parquet", "metrics.parquet", "provenance.json", "report.html", "scenario.toml", "summary.json"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sweeps.Pace, "learn", lambda pace, worlds, wall_s: None)


def sweep(*arguments, source="short.toml", out="out"):
    return invoke("sweep", source, "--workers", 0, *(["--out", out] if out else []), *arguments)


def swept(*arguments, **more):
    """The summary of a sweep that goes well."""
    result = sweep(*arguments, "--json", **more)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def vary(*axes):
    return [word for axis in axes for word in ("--vary", axis)]


def metrics(folder="out"):
    return parquet.read_table(f"{folder}/metrics.parquet").to_pylist()


# What was chosen


def test_the_folder_of_a_sweep(here):
    content = swept(*vary("clients.count=10,20", "servers.service_ms=100:300:3"), "--replications", 2)
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES
    assert json.loads((here / "out" / "summary.json").read_text()) == content
    assert (content["points"], content["worlds"], content["done"], content["failed"]) == (6, 12, 12, 0)
    rows = metrics()
    columns = ("point", "clients.count", "servers.service_ms", "replication")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (3 * c + s, 10 + 10 * c, 100.0 + 100 * s, r) for c in range(2) for s in range(3) for r in range(2)
    ]  # fmt: skip
    marks = {(here / "out" / "scenario.toml").read_text().splitlines()[0].removeprefix("# digest ")}
    marks |= {
        parquet.read_schema(here / "out" / name).metadata[b"meterstorm.digest"].decode() for name in FILES[:2]
    }
    assert marks == {content["digest"]}
    assert content["engine"]["events"] == sum(row["events"] for row in rows)


def test_a_sweep_of_a_file_is_that_of_the_same_options(here):
    text = (here / "short.toml").read_text()
    table = '[sweep]\ndesign = "zip"\nvary = {"clients.count" = [10, 20], "servers.count" = "1:2:2"}\n'
    (here / "file.toml").write_text(text + table)
    told = swept(*vary("clients.count=10,20", "servers.count=1:2:2"), "--zip")
    assert swept(source="file.toml", out="other")["digest"] == told["digest"]
    assert (here / "out" / "metrics.parquet").read_bytes() == (here / "other" / "metrics.parquet").read_bytes()
    # Axes on the command line take the place of those of the file.
    assert swept(*vary("clients.count=5,6"), source="file.toml", out="third")["axes"] == ["clients.count"]


@pytest.mark.parametrize("design", ["sobol", "lhs", "random", "saltelli"])
def test_a_design_on_the_command_line(design, here):
    content = swept(*vary("network.loss=0.01:0.5"), f"--{design}", 4, "--set", "run.duration_s=100")
    assert (content["design"], content["points"]) == (design, 12 if design == "saltelli" else 4)
    assert len({row["network.loss"] for row in metrics()}) == (8 if design == "saltelli" else 4)


def test_zip_in_place_of_the_design_of_a_file(here):
    table = '[sweep]\ndesign = "lhs"\nsamples = 9\n'
    (here / "file.toml").write_text((here / "short.toml").read_text() + table)
    assert swept(*vary("clients.count=1,2"), "--zip", source="file.toml")["points"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "sweep.vary: empty"),
        (["--vary", "clients.count"], "not an axis"),
        (["--vary", "clients.count=0,1"], "clients.count: 0 is not allowed"),
        (["--vary", "clients.count=1:5"], "must be low:high:n"),
        (["--vary", "clients.count=1,2", "--vary", "clients.count=3:5:2"], "clients.count: given 2 times"),
        (["--vary", "products[0].licenses=1,2", "--vary", "products.0.licenses=3"], "given 2 times"),
        (["--vary", "clients.count=1,2", "--set", "clients.count=3"], "clients.count: set to one value, and"),
        (["--vary", "products[0].licenses=1", "--set", "products.0.licenses=3"], "set to one value, and"),
        (["--vary", "run.seed=1,2", "--seed", "3"], "run.seed: set to one value, and run.seed is varied"),
        (["--vary", "policies.failover.name=never", "--set", 'policies.failover={name="never"}'], "set to one"),
        (["--vary", "clients.count=1,2", "--sobol", "4", "--zip"], "--zip and --sobol: one of them"),
        (["--vary", "clients.count=1,2", "--sobol", "4", "--lhs", "4"], "--sobol and --lhs: one of them"),
        (["--vary", "clients.count=1,2", "--sobol", "0"], "sweep.samples: 0 is not allowed"),
        (["--vary", "clients.count=1,2", "--sobol", "x"], 'sweep.samples: "x" is not allowed'),
        (["--vary", "clients.count=1,2", "--zip", "--vary", "servers.count=1"], "sweep.design: zip takes"),
        (["--vary", "run.replications=1,2"], "sweep.vary.run.replications: may not be varied"),
        (["--vary", "policies.failover.name=none.py:Mine"], "there is no file"),
        (["--vary", "clients.count=1,2", "--metric", "grant"], '(did you mean "grants"?)'),
        (["--vary", "clients.count=1,2", "--workers", "-1"], "--workers -1: must be a whole number"),
        (["--vary", "clients.count=1,2", "--world-limit", "1x"], "--world-limit: '1x' is not allowed"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_folder(arguments, words, here):
    refused(invoke("sweep", "short.toml", *arguments, "--out", "out"), console.WRONG_INPUT, [words])
    assert not (here / "out").exists()


def test_an_override_of_a_file_s_axis_is_refused(here):
    """It would not be seen."""
    (here / "file.toml").write_text(
        (here / "short.toml").read_text() + '[sweep]\nvary = {"clients.count" = [1, 2]}\n'
    )
    result = sweep("--set", "clients.count=9", source="file.toml")
    refused(result, console.WRONG_INPUT, ["clients.count: set to one value, and clients.count is varied"])
    assert swept("--set", "clients.offline=deny", source="file.toml")["points"] == 2


def test_policies_of_one_s_own_are_meant_from_the_current_folder(here):
    (here / "deep").mkdir()
    (here / "deep" / "short.toml").write_text((here / "short.toml").read_text())
    swept(*vary("policies.failover.name=never,mine.py:MyPolicy", "policies.failover.delay_s=1,2"),
          source="deep/short.toml")  # fmt: skip
    own = f"{here}/mine.py:MyPolicy"
    assert [(row["policies.failover.name"], row["policies.failover.delay_s"]) for row in metrics()] == [
        ("never", None), (own, 1), (own, 2)
    ]  # fmt: skip
    (file,) = json.loads((here / "out" / "provenance.json").read_text())["inputs"]
    assert (here / "out" / file["kept"]).read_bytes() == (here / "mine.py").read_bytes()
    (here / "mine.py").unlink()  # what was measured can be read without it
    assert invoke("results", "out").exit_code == 0


def test_a_dry_run_runs_nothing_and_shows_the_points(here):
    result = invoke("sweep", "short.toml", *vary("clients.count=10:300:30"), "--dry-run", "--replications", 3)
    assert result.exit_code == 0, result.stderr
    assert "10 more points" in result.stdout
    assert "30 points, 90 worlds; the first takes" in result.stdout
    assert not (here / "results").exists()


# Folders


def test_a_folder_of_something_else_is_left_alone(here):
    (here / "precious").mkdir()
    (here / "precious" / "thesis.txt").write_text("mine")
    for force in ([], ["--force"]):
        result = sweep(*vary("clients.count=1,2"), *force, out="precious")
        refused(result, console.WRONG_INPUT, ["--out precious: not empty, and not the folder of a run"])
    assert [path.name for path in (here / "precious").iterdir()] == ["thesis.txt"]


def test_a_folder_of_a_run_is_replaced_whole_or_not_at_all(here):
    run_json("short.toml", "--journal", "--out", "out")
    result = sweep(*vary("clients.count=1,2"))
    refused(result, console.WRONG_INPUT, ["--out out: not empty: it has another run", "--force"])
    swept(*vary("clients.count=1,2"), "--force")
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES


def test_without_a_folder_s_name_the_same_sweep_replaces_its_own(here):
    first = swept(*vary("clients.count=1,2"), out=None)
    (folder,) = (here / "results").iterdir()
    assert folder.name.startswith("short-sweep-")
    assert swept(*vary("clients.count=1,2"), out=None)["digest"] == first["digest"]
    assert swept(*vary("clients.count=1,3"), out=None)["digest"] != first["digest"]
    assert len(list((here / "results").iterdir())) == 2


@pytest.fixture
def unfinished(here, monkeypatch):
    """A sweep of six worlds, interrupted in the third."""
    ran, run_world = [], chunks.run_world

    def interrupting(scenario, replication, **more):
        ran.append(replication)
        if len(ran) == 3:
            raise KeyboardInterrupt
        return run_world(scenario, replication, **more)

    with monkeypatch.context() as patch:
        patch.setattr(chunks, "run_world", interrupting)
        result = sweep(*vary("clients.count=10,20,30"), "--replications", 2)
    assert result.exit_code == console.INTERRUPTED, result.stderr
    assert "interrupted; kept 2 of 6 worlds" in result.stderr
    assert "meterstorm resume out goes on" in result.stderr
    return here / "out"


def test_an_unfinished_sweep_shows_what_it_has(unfinished):
    result = invoke("results", "out", "--csv", "rows.csv")
    assert result.exit_code == 0, result.stderr
    with open("rows.csv", newline="") as file:
        assert [(row["point"], row["clients.count"]) for row in csv.DictReader(file)] == [("0", "10"), ("0", "10")]


def test_resume_ends_as_a_whole_sweep_does(unfinished, here):
    result = invoke("resume", "out", "--json")
    assert result.exit_code == 0, result.stderr
    whole = swept(*vary("clients.count=10,20,30"), "--replications", 2, out="whole")
    content = json.loads(result.stdout)
    assert content["digest"] == whole["digest"]
    assert (unfinished / "metrics.parquet").read_bytes() == (here / "whole" / "metrics.parquet").read_bytes()
    assert sorted(path.name for path in unfinished.iterdir()) == FILES
    refused(invoke("resume", "out"), console.WRONG_INPUT, ["out: nothing to resume"])


def test_an_unfinished_sweep_is_not_overwritten_but_by_force(unfinished):
    axes = vary("clients.count=10,20")
    result = sweep(*axes)
    refused(
        result, console.WRONG_INPUT, ["out: has an unfinished sweep: meterstorm resume out finishes it, --force"]
    )
    refused(invoke("run", "short.toml", "--out", "out"), console.WRONG_INPUT, ["has an unfinished sweep"])
    assert swept(*axes, "--force")["worlds"] == 2
    assert sorted(path.name for path in unfinished.iterdir()) == FILES


def test_what_a_sweep_began_with_must_not_change(here, monkeypatch):
    """Neither its scenario nor the code; a policy that only an axis names is kept as it was."""
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "run_world", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        sweep(*vary("policies.failover.name=never,mine.py:MyPolicy"))
    with monkeypatch.context() as patch:
        patch.setitem(origin.CODE, "sources", "others")
        refused(invoke("resume", "out"), console.WRONG_INPUT, ["checkpoints/sweep: begun by another version"])
    file = here / "out" / "scenario.toml"
    file.write_text(file.read_text().replace("count = 40", "count = 41"))
    refused(
        invoke("resume", "out"), console.WRONG_INPUT, ["out/scenario.toml: has changed since the sweep in out"]
    )


# Worlds that fail


def failing(*arguments):
    result = sweep("--json", *arguments)
    return result, json.loads(result.stdout)


def test_a_combination_that_breaks_a_rule_has_its_command(here):
    """The command ends with the error that the sweep tells."""
    result, content = failing(*vary("servers.count=4,6", "servers.sites=1,4"))
    assert result.exit_code == console.FAILED_WORLDS
    assert (content["done"], content["failed"], content["worlds"]) == (3, 1, 4)
    (failure,) = content["failures"]
    assert failure["command"] in result.stderr
    again = invoke(*shlex.split(failure["command"])[1:])
    refused(again, console.WRONG_INPUT, [failure["error"]])
    assert "1 of 4 worlds failed; metrics.parquet has each with its error; meterstorm resume out" in result.stderr


@pytest.mark.parametrize("replication", [0, 7])
def test_a_world_that_raises_has_its_command(replication, here):
    """In a folder with spaces and quotes, of an arm with such a name, with a path that no message shows whole."""
    deep = here / ('it\'s "a" [deep] folder ' + "x" * 100)
    deep.mkdir()
    (deep / "played.py").write_text(PLAYED)
    arm = "it's; $(the) arm"
    text = (here / "short.toml").read_text().replace("[run]", f"[run]\nfirst_replication = {replication}")
    (deep / "own.toml").write_text(text + f'[[arms]]\nname = "plain"\n[[arms]]\nname = "{arm}"\n')
    own = json.dumps(f"{deep / 'played.py'}:Played")
    parameters = "policies.balancing.raises=3", f'arms."{arm}".{SCENE}=1,3'
    axes = vary(f"policies.balancing.name={own}", *parameters)
    result = sweep(*axes, "--json", source=deep / "own.toml", out=deep / "out")
    assert result.exit_code == console.FAILED_WORLDS, result.stderr
    (failure,) = json.loads(result.stdout)["failures"]
    assert (failure["point"], failure["arm"], failure["replication"]) == (1, arm, replication)
    again = invoke(*shlex.split(failure["command"])[1:], "--workers", 0)
    refused(again, console.WRONG_INPUT, ["no targets today"])


def test_the_command_of_a_world_gives_its_digest(here):
    content = swept(*vary("clients.count=10,20", "policies.failover.name=never,full-jitter",
                          "policies.failover.base_s=0.1:9:2"), "--replications", 3)  # fmt: skip
    assert content["worlds"] == 18
    made = plan(load(here / "out" / "scenario.toml"))
    for row in metrics()[4::5]:
        command = report.command(made, row, str(here / "out" / "scenario.toml"))
        alone = run_json(*shlex.split(command)[2:], "--force", "--out", "alone")
        assert alone["arms"][0]["digests"] == [row["digest"]]


def test_fail_fast_stops_and_says_what_is_left(here):
    axes = vary("servers.count=4,6", "servers.sites=1,4,2")
    result, content = failing(*axes, "--fail-fast")
    assert result.exit_code == console.FAILED_WORLDS
    assert (content["done"], content["failed"], content["worlds"]) == (4, 1, 6)
    assert "1 of 6 worlds failed; metrics.parquet has each with its error; not run: 1;" in result.stderr
    assert json.loads((here / "out" / "provenance.json").read_text())["interrupted"] is True


def test_a_defect_of_the_engine_has_a_status_of_its_own(here, monkeypatch):
    """Even among so many failures of worlds that the summary does not name it."""
    run_world = chunks.run_world

    def violating(scenario, replication, **more):
        if scenario.clients.count == 30:
            raise InvariantViolation("licenses")
        return run_world(scenario, replication, **more)

    monkeypatch.setattr(chunks, "run_world", violating)
    monkeypatch.setattr(report, "FAILURES_KEPT", 2)
    result, content = failing(*vary("clients.count=10,20,30", "servers.sites=1,4", "servers.count=8,6"))
    assert (content["failed"], content["defects"], len(content["failures"])) == (6, 3, 2)
    assert result.exit_code == console.INVARIANT
    monkeypatch.setattr(chunks, "run_world", run_world)
    again = invoke("resume", "out", "--json")
    assert (again.exit_code, json.loads(again.stdout)["failed"]) == (console.FAILED_WORLDS, 3)


def test_workers_that_cannot_start_are_a_defect(here, monkeypatch):
    monkeypatch.setattr(pool.sys, "executable", "/bin/false")
    result = invoke("sweep", "short.toml", *vary("clients.count=1,2"), "--workers", 2, "--out", "out")
    refused(
        result, console.INVARIANT, ["a worker process has ended with status 1", "meterstorm resume out goes on"]
    )
