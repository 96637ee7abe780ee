"""The command line: what it prints where, exit statuses, messages, the folder it writes, and Ctrl-C."""

import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from meterstorm.experiments.cli import console, doctor, execution
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.reports import columns, summary
from meterstorm.experiments.reports import kb as collection
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.results import digest_of
from meterstorm.experiments.scenario import built_in, load, source_text, validate
from pyarrow import parquet
from typer.testing import CliRunner

SHORT = """
title = "short"
[run]
duration_s = 1200
warmup_s = 60
[clients]
count = 40
"""
DARK = """
[[faults]]
kind = "unreachable"
servers = "all"
start_s = 100
duration_s = 600
"""
COMPARED = (
    SHORT
    + """
[[cases]]
name = "calm"
[[cases]]
name = "dark"
[cases.set]
faults = [{ kind = "unreachable", servers = "all", start_s = 100, duration_s = 5000 }]
[[arms]]
name = "immediate"
set = { "policies.failover" = { name = "immediate" } }
[[arms]]
name = "never"
set = { "policies.failover" = { name = "never" } }
"""
).replace("warmup_s = 60", "warmup_s = 60\nreplications = 3")

POLICIES = """
from typing import NamedTuple

from meterstorm.policies import Decision, retry


class MyPolicy(NamedTuple):
    delay_s: float = 5.0

    def on_failure(self, link, memory, u):
        return retry(self.delay_s)


class BadAction(NamedTuple):
    def on_failure(self, link, memory, u):
        return Decision(9, 1.0)


class NegativeDelay(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(-1.0)


class NotANumber(NamedTuple):
    def on_failure(self, link, memory, u):
        return retry(float("nan"))


class TooFar(NamedTuple):
    def next_server(self, choice, u):
        return choice.servers


class BelowZero(NamedTuple):
    def next_server(self, choice, u):
        return -1


class TooMany(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        return report.allocated + 1


class NoTargets(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        return None


class Fails(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        raise RuntimeError("boom")


class NoInterval(NamedTuple):
    def targets(self, report):
        return report.allocated


class Uncompilable(NamedTuple):
    def on_failure(self, link, memory, u):
        return open(str(link))


class NoDecision(NamedTuple):
    def on_failure(self, link, memory, u):
        return 3


class NoMethod(NamedTuple):
    delay_s: float = 1.0


class Needy(NamedTuple):
    delay_s: float

    def on_failure(self, link, memory, u):
        return retry(self.delay_s)


class Worded(NamedTuple):
    word: str = "x"

    def on_failure(self, link, memory, u):
        return retry(1.0)


class Plain:
    pass
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test works in a folder of its own that holds a few files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, text in {
        "short.toml": SHORT,
        "dark.toml": SHORT + DARK,
        "compared.toml": COMPARED,
        "mine.py": POLICIES,
        "raises.py": 'raise RuntimeError("boom")\n',
        "syntax.py": "x = = 1\n",
        "exits.py": "import sys\nsys.exit(7)\n",
        "broken.toml": "[[[\n",
        "trace.csv": "a,b\n1,2\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def run_json(*arguments: object) -> Any:
    result = invoke("run", *arguments, "--json", "--workers", 0)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)  # refuses anything around it


# --json


def check_schema(content: Any, arms: list[tuple[str | None, str | None]], replications: int) -> None:
    """Hold a summary against SCENARIO.md."""
    assert list(content) == ["schema", "title", "digest", "seed", "shards", "clock", "engine", "arms"]
    assert content["schema"] == 1
    for key, kind in {"title": str, "digest": str, "seed": int, "shards": int, "clock": str}.items():
        assert type(content[key]) is kind, key
    engine = {
        "events": int,
        "cpu_s": float,
        "wall_s": float,
        "events_per_cpu_s": float,
        "peak_memory_bytes": int,
    }
    assert {key: type(value) for key, value in content["engine"].items()} == engine
    assert all(value > 0 for value in content["engine"].values())
    assert [(arm["case"], arm["name"]) for arm in content["arms"]] == arms
    for arm in content["arms"]:
        assert list(arm) == ["case", "name", "replications", "digest", "digests", "metrics"]
        assert arm["replications"] == replications
        assert re.fullmatch("[0-9a-f]{16}", arm["digest"])
        assert arm["digest"] == digest_of(arm["digests"])
        assert len(arm["digests"]) == replications
        assert tuple(arm["metrics"]) == METRICS
        for name, metric in arm["metrics"].items():
            assert list(metric) == ["mean", "ci95", "values"], name
            assert len(metric["values"]) == replications
            numbers = [metric["mean"], metric["ci95"], *metric["values"]]
            assert all(x is None or x == "inf" or type(x) in (int, float) for x in numbers), name
            if all(value is None for value in metric["values"]) or replications == 1:
                assert metric["ci95"] is None, name
            assert (metric["mean"] is None) == all(value is None for value in metric["values"]), name


def test_json_of_a_scenario_without_cases_and_arms():
    content = run_json("short.toml")
    check_schema(content, [(None, None)], 1)
    metrics = content["arms"][0]["metrics"]
    assert type(metrics["launches"]["values"][0]) is int
    for name in ("storm_peak_ratio", "time_to_recover_s"):
        assert metrics[name] == {
            "mean": None,
            "ci95": None,
            "values": [None],
        }  # does not apply without faults


def test_json_of_cases_and_arms_with_infinite_and_missing_values():
    content = run_json("compared.toml")
    arms = [(case, arm) for case in ("calm", "dark") for arm in ("immediate", "never")]
    check_schema(content, arms, 3)
    metrics = {(arm["case"], arm["name"]): arm["metrics"] for arm in content["arms"]}
    never_recovers = {"mean": "inf", "ci95": "inf", "values": ["inf"] * 3}
    assert metrics["dark", "never"]["time_to_recover_s"] == never_recovers
    assert metrics["calm", "never"]["time_to_recover_s"]["values"] == [None] * 3
    assert metrics["calm", "never"]["launches"]["ci95"] > 0
    assert metrics["dark", "never"]["launches"]["mean"] == pytest.approx(
        sum(metrics["dark", "never"]["launches"]["values"]) / 3
    )


def test_options_override_the_file_and_seeds_matter():
    first = run_json("short.toml", "--seed", 5, "--replications", 2)
    again = run_json("short.toml", "--set", "run.seed=5", "--set", "run.replications=2")
    other = run_json("short.toml", "--seed", 6, "--replications", 2)
    for content in (first, again, other):
        content.pop("engine")
    assert first == again
    assert first["seed"] == 5
    assert first["digest"] != other["digest"]


def test_without_json_a_table_and_the_folder(here):
    result = invoke("run", "short.toml", "--workers", 0)
    assert result.exit_code == 0
    folder = next((here / "results").iterdir())
    digest = json.loads((folder / "summary.json").read_text())["digest"]
    assert folder.name == f"short-{digest[:8]}"
    assert "denial_fraction" in result.stdout
    assert f"results in {folder.relative_to(here)}; digest {digest}" in result.stdout


# Wrong input

WRONG = {
    "unknown key": (["--set", "clients.cont=3"], ["clients.cont: unknown key", "allowed:", "count"]),
    "unknown table": (["--set", "client.count=3"], ["client", "allowed:", "clients"]),
    "wrong type": (["--set", "clients.count=many"], ['clients.count: "many"', "an integer >= 1"]),
    "negative count": (["--set", "clients.count=-4"], ["clients.count: -4", "an integer >= 1"]),
    "latency 0": (["--set", "network.latency_ms=0", "--shards", 2], ["run.shards: 2", "network.latency_ms = 0"]),
    "check an arm's latency 0": (
        ["--set", 'arms=[{name="a", set={"network.latency_ms"=0}}]', "--check-shards", 2],
        ["--check-shards", "> 0"],
    ),
    "check many": (["--check-shards", 5000], ["--check-shards 5000", "at most as many as there are clients"]),
    "check latency 0": (["--set", "network.latency_ms=0", "--check-shards", 2], ["--check-shards", "> 0"]),
    "weights": (["--set", "servers.split=[1, 2]"], ["servers.split: [1.0, 2.0]", "4 weights"]),
    "policy": (["--failover", "nope"], ["policies.failover: ", "'nope'", "immediate", "FILE.py:CLASS"]),
    "selection": (["--selection", "rng"], ["policies.selection: ", "'rng'", "ring"]),
    "parameter": (["--set", "policies.failover.nope=3"], ["policies.failover.nope: ", "retries, delay_s"]),
    "parameter's value": (["--set", "policies.failover.delay_s=-1"], ["policies.failover.delay_s: -1", ">= 0"]),
    "override": (["--set", "seed"], ['"seed" is not an override', "key=value"]),
    "override without key": (["--set", "=3"], ['"=3" is not an override', "key=value"]),
    "wall clock": (["--clock", "wall"], ['run.clock: "wall"', '"virtual"']),
    "clock": (["--clock", "sun"], ['run.clock: "sun"', '"virtual"']),
    "shards 0": (["--shards", 0], ["run.shards: 0", 'an integer >= 1 or "auto"']),
    "shards x": (["--shards", "x"], ['run.shards: "x"', 'an integer >= 1 or "auto"']),
    "shards -1": (["--shards", -1], ["run.shards: -1", 'an integer >= 1 or "auto"']),
    "seed": (["--seed", -1], ["run.seed: -1", "an integer >= 0"]),
    "seed x": (["--seed", "x"], ['run.seed: "x"', "an integer >= 0"]),
    "shards ²": (["--shards", "²"], ['run.shards: "²"', 'an integer >= 1 or "auto"']),
    "replications": (["--replications", 0], ["run.replications: 0", "an integer >= 1"]),
    "workers": (["--workers", -1], ["--workers -1", "a whole number, 0 or more"]),
    "workers ²": (["--workers", "²"], ["--workers ²", "a whole number, 0 or more"]),
    "check x": (["--check-shards", "x"], ["--check-shards x", "a whole number, 0 or more"]),
    "port ²": (["--ray-address", "127.0.0.1:²"], ["--ray-address", "HOST:PORT", "127.0.0.1:²"]),
    "port 65536": (["--ray-address", "127.0.0.1:65536"], ["--ray-address", "HOST:PORT", "127.0.0.1:65536"]),
    "workers of shards": (["--workers", 2, "--shards", 3], ["--workers 2", "3 shards share each"]),
    "intersite": (["--intersite", "never"], ["policies.intersite", "never"]),
    "option": (["--bogus"], ["--bogus"]),
    "no trace file": (
        ["--set", "workload.arrivals=trace", "--set", "workload.trace=none.csv"],
        ["workload.trace", "none.csv", "no file"],
    ),
    "trace without columns": (
        ["--set", "workload.arrivals=trace", "--set", "workload.trace=trace.csv"],
        ["trace.csv", "time_s", "a, b"],
    ),
    "no policy file": (["--failover", "./none.py:Mine"], ["policies.failover: ", "none.py", "no file"]),
    "a policy's file is none": (["--failover", "never:Mine"], ["'never' is not a .py file", "FILE.py:CLASS"]),
    "no policy class": (["--failover", "./mine.py:Yours"], ["policies.failover: ", "defines no Yours"]),
    "policy raises": (["--failover", "./raises.py:Mine"], ["policies.failover: ", "RuntimeError: boom"]),
    "policy syntax": (["--failover", "./syntax.py:Mine"], ["policies.failover: ", "syntax.py", "SyntaxError"]),
    "no NamedTuple": (["--failover", "./mine.py:Plain"], ["policies.failover: ", "NamedTuple"]),
    "no method": (["--failover", "./mine.py:NoMethod"], ["policies.failover: ", "needs a method on_failure"]),
    "needs a parameter": (["--failover", "./mine.py:Needy"], ["policies.failover: ", "needs delay_s"]),
    "cannot compile": (["--failover", "./mine.py:Uncompilable"], ["Uncompilable.on_failure cannot be compiled"]),
    "no decision": (["--failover", "./mine.py:NoDecision"], ["NoDecision.on_failure cannot be compiled"]),
}  # fmt: skip


def refused(result: Any, code: int, words: list[str]) -> None:
    """The command has failed as it should: in few words, none of them on standard output."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_workers_want_whole_worlds(capsys):
    scenario = validate({"title": "a storm", "clients": {"count": 10**6}, "run": {"shards": "auto"}})
    assert execution.chosen_shards(scenario, 2) == 1
    assert "auto: 1, since --workers run whole worlds" in capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name, here):
    options, words = WRONG[name]
    refused(invoke("run", "short.toml", "--json", "--workers", 0, *options), console.WRONG_INPUT, words)
    assert not (here / "results").exists()


SOURCES = {
    "none.toml": ["none.toml: no such file"],
    "q226826": ["q226826: neither a built-in scenario", "nor a file", 'did you mean "q226827"?'],
    ".": [".: a folder, not a scenario file"],
    "broken.toml": ["broken.toml: not a TOML file", "line 1"],
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_no_scenario(source):
    refused(invoke("run", source, "--json"), console.WRONG_INPUT, SOURCES[source])


def test_all_errors_of_a_file_at_once(here):
    (here / "wrong.toml").write_text('title = 1\n[clients]\ncount = 0\n[server]\ncount = "x"\n')
    words = ["title: 1 is not", "clients.count: 0 is not", "server: unknown key"]
    refused(invoke("run", "wrong.toml", "--json"), console.WRONG_INPUT, words)


VIOLATIONS = {
    "--failover mine.py:BadAction": ["failover policy", "unknown action", "value 9"],
    "--failover mine.py:NegativeDelay": ["failover policy", "delay"],
    "--failover mine.py:NotANumber": ["failover policy", "delay"],
    "--selection mine.py:TooFar": ["selection policy", "does not exist", "value 4"],
    "--selection mine.py:BelowZero": ["selection policy", "does not exist", "value -1"],
    "--balancing mine.py:TooMany": ["balancing policy TooMany", "[[101], [101], [101], [101]]", "[400]"],
    "--balancing mine.py:NoTargets": ["balancing policy NoTargets", "integers of shape (4, 1)"],
}


@pytest.mark.parametrize("options", VIOLATIONS)
def test_a_policy_that_answers_nonsense_violates_an_invariant(options):
    result = invoke("run", "dark.toml", "--json", "--workers", 0, *options.split())
    refused(result, console.INVARIANT, ["meterstorm: invariant violated: ", *VIOLATIONS[options]])


# Known defects; take the mark away from what is mended.
MORE_WRONG_INPUT = {
    "a policy's file exits": ("--failover exits.py:Mine", 2, ["exits.py"]),
    "balancing raises": ("--balancing mine.py:Fails", 3, ["Fails", "RuntimeError: boom"]),
    "balancing has no interval": ("--balancing mine.py:NoInterval", 2, ["policies.balancing", "interval_s"]),
    "a parameter is no number": ("--failover mine.py:Worded", 2, ["policies.failover", "word"]),
    "the reason is numba's own": ("--failover mine.py:Uncompilable", 2, ["mine.py", "open"]),
    "the folder is a file": ("--out mine.py", 2, ["--out", "mine.py"]),
}


@pytest.mark.parametrize("name", MORE_WRONG_INPUT)
def test_more_wrong_input(name):
    options, code, words = MORE_WRONG_INPUT[name]
    refused(invoke("run", "dark.toml", "--json", "--workers", 0, *options.split()), code, words)


FULL = "No space left on device"


@pytest.mark.parametrize(
    ("options", "file", "reason", "code"),
    [
        ([], "summary.json", FULL, console.UNAVAILABLE),
        ([], "summary.json", "Is a directory", console.UNAVAILABLE),
        ([], "timeseries.parquet", FULL, console.UNAVAILABLE),
        (["--checkpoint-every", "1s"], "scenario.toml", FULL, console.UNAVAILABLE),
        (["--checkpoint-every", "1s"], "scenario.toml", "Is a directory", console.WRONG_INPUT),
    ],
)
def test_results_that_cannot_be_written(options, file, reason, code, here):
    """What has run is not lost: it is printed. What has not begun does not begin."""
    (here / "out").mkdir()
    path = here / "out" / file
    if reason == FULL:
        path.symlink_to("/dev/full")
    else:
        path.mkdir()
    result = invoke("run", "short.toml", "--json", "--workers", 0, "--out", "out", *options)
    assert result.exit_code == code
    for word in ("Traceback", "Errno"):
        assert word not in result.stderr
    assert reason in result.stderr
    named = "out" if reason == FULL else f"out/{file}"  # what a full disk cuts off has no name: the folder has
    assert f"{named}: cannot be written: " in result.stderr or f"{path.resolve()}: cannot" in result.stderr
    if options:
        assert result.stdout == ""
    else:
        assert json.loads(result.stdout)["digest"] == run_json("short.toml")["digest"]


@pytest.mark.parametrize("command", [["doctor"], ["diff", "out", "out"], ["run", "short.toml", "--shards", "2"]])
def test_every_command_says_what_an_address_is(command):
    refused(invoke(*command, "--ray-address", "x"), console.WRONG_INPUT, ["--ray-address: ", "HOST:PORT", "'x'"])


def test_a_copy_of_the_sources_has_yet_to_be_compiled(tmp_path):
    """Numba keeps the code of each copy by itself; so a second checkout compiles, and should say so."""
    package = tmp_path / "meterstorm"
    for room in ("actors", "policies", "experiments"):
        source = Path(inspect.getfile(cli)).parents[2] / room
        shutil.copytree(source, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import meterstorm.experiments.cli.doctor as it; print(it.jit.CACHE_FOLDER); print(it.is_compiled())"
    command = [sys.executable, "-c", code]
    for folder, compiled in ((tmp_path, "False"), (tmp_path.root, "True")):
        told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        assert told.splitlines() == [str(doctor.jit.CACHE_FOLDER), compiled]


# list, show, help


def test_list_and_show(here):
    listed = invoke("list")
    assert listed.exit_code == 0
    names = built_in()
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [*names, "kb"]
    for name, title in names.items():
        assert title in listed.stdout
        shown = invoke("show", name)
        assert (shown.exit_code, shown.stdout) == (0, source_text(name))
        (here / "copy.toml").write_text(shown.stdout)
        assert load("copy.toml") == load(name)
    refused(invoke("show", "nope"), console.WRONG_INPUT, ["nope: neither a built-in scenario"])


def test_help():
    for arguments in (["--help"], ["-h"], []):
        text = invoke(*arguments).output
        for command in ("run", "list", "show", "doctor"):
            assert re.search(rf"\b{command}\b", text)
    text = invoke("run", "--help").output
    parameters = inspect.signature(cli.run_command).parameters
    options = {"settings": "--set", "as_json": "--json"}
    for name in list(parameters)[1:]:
        assert options.get(name, "--" + name.replace("_", "-")) in text
    assert "Examples: meterstorm run" in text
    assert "Print a built-in scenario's file" in invoke("show", "-h").output


def test_a_command_that_does_not_exist():
    refused(invoke("walk"), console.WRONG_INPUT, ["walk"])


# A user's own policy


def test_ones_own_policy_from_another_folder(here, monkeypatch):
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "mine.py").write_text(POLICIES)
    monkeypatch.chdir("elsewhere")
    options = ["--failover", "./mine.py:MyPolicy", "--set", "policies.failover.delay_s=30", "--out", "out"]
    slow = run_json("../dark.toml", *options)
    written = load("out/scenario.toml").policies.failover
    assert written.name == f"{here / 'elsewhere' / 'mine.py'}:MyPolicy"
    assert written.parameters == {"delay_s": 30}
    same = ["--failover", "retry-then-failover", "--set", "policies.failover.retries=inf"]
    ours = run_json("../dark.toml", *same, "--set", "policies.failover.delay_s=30")
    assert slow["digest"] == ours["digest"]
    quick = run_json("../dark.toml", "--failover", "./mine.py:MyPolicy")
    assert quick["digest"] != slow["digest"]


def test_ones_own_policy_named_in_a_file_is_relative_to_the_file(here, monkeypatch):
    policy = '\n[policies]\nfailover = { name = "mine.py:MyPolicy", delay_s = 30 }\n'
    (here / "own.toml").write_text(SHORT + policy + DARK)
    monkeypatch.chdir("/")
    content = run_json(here / "own.toml", "--out", here / "out")
    monkeypatch.chdir(here)
    given = ["--failover", "mine.py:MyPolicy", "--set", "policies.failover.delay_s=30"]
    assert content["digest"] == run_json("dark.toml", *given)["digest"]
    assert run_json("out/scenario.toml")["digest"] == content["digest"]  # what was written runs again


# The collection kb


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
        alone = run_json(entry["scenario"], *options, "--out", "alone")
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
    cured = ["--set", "clients.release_old=deferred", "--set", "clients.heartbeat_names_leases=true"]
    result = invoke("run", "kb", "--replications", 3, "--workers", 0, *cured)
    assert result.exit_code == 0
    assert "1 of 2 symptoms reproduced; " in result.stdout
    assert re.search("Q226838 .* not reproduced ", result.stdout)


WRONG_FOR_KB = {
    "--failover never": ["--failover never: not for kb"],
    "--selection ring": ["--selection ring: not for kb"],
    "--admission fifo": ["--admission fifo: not for kb"],
    "--balancing static": ["--balancing static: not for kb"],
    "--check-shards 2": ["--check-shards 2: not for kb"],
    "--journal": ["--journal: not for kb"],
    "--shards 2 --workers 3": ["--workers 3", "2 shards share each"],
    "--clock wall": ["run.clock: "],
    "--set clients.cont=3": ["clients.cont: unknown key"],
    "--set policies.failover.retries=3": ["unknown parameter", "(in q226823, q226838)"],
    "--set seed": ['"seed" is not an override'],
    "--replications 0": ["run.replications: 0"],
    "--out mine.py": ["--out", "mine.py"],
}


@pytest.mark.parametrize("options", WRONG_FOR_KB)
def test_wrong_input_for_kb(options, here, monkeypatch):
    monkeypatch.setattr(collection, "names", lambda: ["q226823", "q226838", "q235786"])
    result = invoke("run", "kb", "--json", *options.split())
    refused(result, console.WRONG_INPUT, WRONG_FOR_KB[options])
    assert result.stderr.count("meterstorm: ") <= 1  # said once, not for every scenario
    assert ("(in q" in result.stderr) == ("policies.failover.retries" in options)
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


def test_nothing_but_messages_on_standard_error():
    assert invoke("run", "short.toml", "--workers", 0).stderr == ""


# The folder


def test_the_folder_of_a_run(here):
    content = run_json("compared.toml", "--out", "deep/out")
    folder = here / "deep" / "out"
    assert sorted(path.name for path in folder.iterdir()) == [
        "provenance.json", "scenario.toml", "servers.parquet", "summary.json", "timeseries.parquet",
    ]  # fmt: skip
    assert json.loads((folder / "summary.json").read_text()) == content
    assert load(folder / "scenario.toml") == load("compared.toml")

    provenance = json.loads((folder / "provenance.json").read_text())
    assert list(provenance) == [
        "digest", "seed", "shards", "interrupted", "packages", "python", "system", "machine", "host",
    ]  # fmt: skip
    assert provenance["digest"] == content["digest"]
    assert (provenance["seed"], provenance["shards"], provenance["interrupted"]) == (1, 1, False)
    assert {"meterstorm", "numba", "numpy", "ray"} <= set(provenance["packages"])

    check_tables(folder, content)


def check_tables(folder: Path, content: Any) -> None:
    """Hold the Parquet tables against the summary."""
    series = parquet.read_table(folder / "timeseries.parquet").to_pylist()
    servers = parquet.read_table(folder / "servers.parquet").to_pylist()
    keys = ["case", "arm", "replication"]
    assert list(series[0]) == [*keys, "start_s", *columns.SERIES]
    assert list(servers[0]) == [*keys, "server", "utilization", *columns.SERVERS]
    for arm in content["arms"]:
        for number in range(arm["replications"]):
            key = [arm["case"], arm["name"], number]
            rows = [row for row in series if [row[k] for k in keys] == key]
            assert [row["start_s"] for row in rows] == [-60, *range(0, 1200, 60)]
            values = {name: metric["values"][number] for name, metric in arm["metrics"].items()}
            for name in set(columns.SERIES) & set(METRICS):
                assert sum(row[name] for row in rows[1:]) == values[name], name
            mine = [row for row in servers if [row[k] for k in keys] == key]
            assert [row["server"] for row in mine] == [0, 1, 2, 3]
            assert max(row["utilization"] for row in mine) == values["server_utilization_max"]
            assert sum(row["clients"] for row in mine) == 40


def test_json_leaves_standard_output_to_the_summary_also_when_shards_are_checked(monkeypatch):
    monkeypatch.setattr(run, "check_shards", lambda results, shards, report, **place: [])
    run_json("short.toml", "--check-shards", 2)


# Ctrl-C


def test_an_interrupt_keeps_what_is_finished():
    def interrupt(done: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    raw = {
        "title": "x",
        "run": {"duration_s": 600, "warmup_s": 0, "replications": 5},
        "clients": {"count": 10},
    }
    scenario = validate(raw | {"arms": [{"name": "a"}, {"name": "b"}]})
    results = run.run(scenario, workers=0, on_progress=interrupt)
    assert results.interrupted
    assert [[row.number for row in result.replications] for result in results.versions] == [[0, 1], [0]]
    content = summary.summary(results)
    assert [arm["replications"] for arm in content["arms"]] == [2, 1]
    whole = run.run(scenario, workers=0)
    assert not whole.interrupted
    assert [row.digest for row in whole.versions[0].replications[:2]] == [
        row.digest for row in results.versions[0].replications
    ]


# Balancing is plain Python, so it can tell how far a run has come: once a world here.
SIGN = """
from pathlib import Path
from typing import NamedTuple


class Sign(NamedTuple):
    interval_s: float = 1000.0

    def targets(self, report):
        with Path(__file__).with_name("worlds").open("a") as file:
            file.write(".")
        return report.allocated
"""


@pytest.mark.slow
def test_ctrl_c(here):
    (here / "sign.py").write_text(SIGN)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from meterstorm.experiments.cli.main import main; main()"
    )
    options = ["--balancing", "sign.py:Sign", "--replications", "1000000", "--workers", "0", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "short.toml", *options, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        signs, deadline = here / "worlds", time.monotonic() + 120
        while not signs.exists() or signs.stat().st_size < 3:
            assert process.poll() is None and time.monotonic() < deadline, "no sign of progress"
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == console.INTERRUPTED, stderr
    assert "Traceback" not in stderr
    content = json.loads(stdout)
    kept = content["arms"][0]["replications"]
    assert 2 <= kept < 1000000  # two signs ago, at least, a world was finished
    assert f"interrupted; kept {kept} of 1000000 worlds in out" in stderr
    assert json.loads((here / "out" / "summary.json").read_text()) == content
    assert json.loads((here / "out" / "provenance.json").read_text())["interrupted"] is True
