"""list, show, schema, validate, --version: what a user can choose from, told without starting the engine."""

import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import meterstorm
import pytest
from jsonschema import Draft202012Validator, ValidationError  # Ray brings it
from meterstorm.experiments import scenarios
from meterstorm.experiments.cli import console
from meterstorm.experiments.cli.main import app
from meterstorm.experiments.metrics.names import MEANINGS, METRICS, WALL
from meterstorm.experiments.scenario import load, reference, validate
from meterstorm.experiments.scenario.faults import FAULTS, KINDS
from meterstorm.experiments.scenario.json_schema import json_schema
from meterstorm.policies.registry import BUILT_IN
from typer.testing import CliRunner

from support.command_line import refused

SLOW = {"numba", "llvmlite", "numpy", "ray", "pyarrow", "scipy"}
KEYS = [key.path.replace("[]", "") for key in reference.all_keys()]


def invoke(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


def shown(*arguments: str) -> str:
    result = invoke("show", *arguments)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def test_an_old_key_says_what_to_write_now():
    """With its table or without it; `test_replaced_keys.py` has the spellings."""
    for name in ("clients.on_denial", "on_denial"):
        result = invoke("show", name)
        assert result.exit_code == 2
        assert f"{name}: no key any more; write policies.denial = " in result.stderr
    assert "no key any more" not in invoke("show", "servers.on_denial").stderr


# Start


def slow_imports(*arguments: str) -> set[str]:
    """The slow packages that a command imports in a process of its own."""
    code = "import sys\nfrom meterstorm.experiments.cli.main import app\ntry:\n    app(sys.argv[1:])\n"
    code += "except SystemExit as end:\n    assert end.code == 0\nprint('\\nimported', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return SLOW & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "command",
    ["list", "--version", "show sites", "show keys", "show clients", "show clients.count", "show metrics",
     "show timeouts", "show faults", "show cut"],
)  # fmt: skip
def test_what_only_shows_starts_nothing_slow(command: str):
    assert slow_imports(*command.split()) == set()


@pytest.mark.parametrize("command", ["show policies", "show ring", "schema", "validate sites"])
def test_what_names_policies_starts_nothing_slow(command: str):
    assert slow_imports(*command.split()) == set()


def test_importing_the_package_loads_nothing():
    code = "import sys, meterstorm; print(*[name for name in sys.modules if name.startswith('meterstorm.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_package_has_what_it_says():
    assert meterstorm.__version__ == version("meterstorm")
    assert meterstorm.load("sites") == load("sites")
    scenario = validate({"title": "x", "run": {"duration_s": 60, "warmup_s": 0}, "clients": {"count": 4}})
    assert len(meterstorm.run(scenario, workers=0).versions) == 1
    with pytest.raises(AttributeError, match="'walk'"):
        _ = meterstorm.walk


@pytest.mark.parametrize("command", [["meterstorm"], [sys.executable, "-m", "meterstorm"]])
def test_both_ways_to_start_it(command: list[str]):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    done = subprocess.run([*command, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"meterstorm {version('meterstorm')}\n"


def test_shells_complete_names():
    arguments = {"_METERSTORM_COMPLETE": "complete_bash", "COMP_WORDS": "meterstorm show q2268", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "meterstorm"],
        env=os.environ | arguments,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [name for name in scenarios.names() if name.startswith("q2268")]
    assert "--install-completion" in invoke("--help").output


# Show


@pytest.mark.parametrize("path", KEYS)
def test_every_key_is_explained_by_its_name(path: str):
    text = shown(path)
    for key in [
        key for key in reference.all_keys() if key.path.replace("[]", "") == path
    ]:  # kinds may share a key
        assert key.meaning in text and key.allowed in text and key.default in text
        assert key.meaning.endswith(".") and key.allowed


def test_a_key_is_found_by_its_last_part_and_by_the_path_of_an_override():
    assert "clients.deferred_retry_s = 60.0  (s; a number > 0)" in shown("deferred_retry_s")
    assert shown("products[0].licenses") == shown("products.licenses") == shown("products[].licenses")


def test_all_keys_are_those_of_the_tables():
    text = shown("keys")
    assert all(key.path in text and key.meaning in text for key in reference.all_keys())
    for name in set(reference.tables()) - {"", "faults", "policies"}:
        assert shown(name).strip() in text


def test_units_are_those_of_the_names():
    for key in reference.all_keys():
        name = key.path.split(".")[-1]
        assert key.unit == ("ms" if name.endswith("_ms") else "s" if name.endswith("_s") else "")


@pytest.mark.parametrize("name", MEANINGS)
def test_every_metric_is_explained(name: str):
    assert MEANINGS[name] in shown(name)
    assert MEANINGS[name] in shown("metrics")


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_of_fault_is_explained(kind: str):
    assert set(KINDS) == set(FAULTS)
    for text in (shown(kind), shown("faults")):
        assert KINDS[kind] in text
        assert all(key.path in text for key in reference.keys_of_kind(kind))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, known in BUILT_IN.items() for name in known])
def test_every_policy_is_explained(kind: str, name: str):
    policy = BUILT_IN[kind][name]
    heading = f"{kind}  {name}  ("
    for text in (shown(name), shown("policies")):
        assert heading in text
        assert f"{policy.__module__.split('.')[-1]}.py: {policy.__name__}" in text
        assert policy.__doc__.splitlines()[0] in text
        (line,) = [line for line in text.splitlines() if line.startswith(heading)]
        assert all(parameter in line for parameter in policy._fields)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("q22682", "q226827"), ("clients.cuont", "clients.count"), ("timeout", "timeouts"),
     ("unreachible", "unreachable"), ("full-jiter", "full-jitter"), ("polices", "policies"),
     ("workloads", "workload")],
)  # fmt: skip
def test_what_is_not_there_has_a_nearest_name(name: str, meant: str):
    result = invoke("show", name)
    assert result.exit_code == console.WRONG_INPUT
    assert f'(did you mean "{meant}"?)' in " ".join(result.stderr.split())


# Schema


def test_the_schema_is_one():
    schema = json.loads(invoke("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def objects(schema: Any) -> list[dict[str, Any]]:
    return [schema, *schema["$defs"].values()]


def test_the_schema_explains_every_key():
    for table in objects(json_schema()):
        for name, key in table["properties"].items():
            assert "description" in key or name in reference.tables(), name
            assert "default" in key or name in table["required"], name


@pytest.mark.parametrize("name", scenarios.names())
def test_the_schema_accepts_what_is_right(name: str):
    Draft202012Validator(json_schema()).validate(tomllib.loads(scenarios.text(name)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"titel": "x"},
        {"run": {"seed": -1}},
        {"run": {"sead": 1}},
        {"run": {"duration_s": 2e9}},
        {"clients": {"programs": 33}},
        {"clients": {"offline": "sue"}},
        {"network": {"loss": 1}},
        {"workload": {"profile": [[1]]}},
        {"faults": [{"kind": "slow"}]},
        {"faults": [{"kind": "crash", "factor": 2}]},
        {"policies": {"failover": {"name": "imediate"}}},
        {"cases": [{"name": "x", "symptom": "s", "metric": WALL[0].name, "baseline": "y"}]},
    ],
)
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        Draft202012Validator(json_schema()).validate({"title": "x", **wrong})


def test_the_schema_leaves_room_for_ones_own_policy_and_knows_every_metric():
    own = {"name": "mine.py:Mine", "delay_s": 3}
    cases = [{"name": name, "symptom": "s", "metric": name, "baseline": "x"} for name in METRICS]
    Draft202012Validator(json_schema()).validate({"title": "x", "policies": {"failover": own}, "cases": cases})


# Validate


def test_a_right_scenario_is_counted(tmp_path):
    assert invoke("validate", "q226827").stdout == "ok: 4 cases x 4 arms x 20 replications\n"
    (tmp_path / "x.toml").write_text('title = "x"\n')
    assert invoke("validate", tmp_path / "x.toml").stdout == "ok: 1 case x 1 arm x 1 replication\n"
    changed = invoke("validate", tmp_path / "x.toml", "--set", "run.replications=3")
    assert changed.stdout == "ok: 1 case x 1 arm x 3 replications\n"


def test_a_wrong_scenario_is_told_all_that_is_wrong(tmp_path):
    (tmp_path / "x.toml").write_text('title = "x"\n[run]\nseed = -1\n[clients]\ncuont = 3\n')
    result = invoke("validate", tmp_path / "x.toml", "--set", "network.loss=2")
    assert (result.exit_code, result.stdout) == (console.WRONG_INPUT, "")
    for word in ("run.seed: -1", "clients.cuont", "network.loss: 2"):
        assert word in result.stderr


def test_validate_reads_the_files_that_a_scenario_names(tmp_path):
    trace, scenario = tmp_path / "launches.csv", tmp_path / "traced.toml"
    scenario.write_text('title = "t"\n[workload]\narrivals = "trace"\ntrace = "launches.csv"\n')
    refused(invoke("validate", scenario), 2, [f"workload.trace: there is no file '{trace}'"])
    trace.write_text("time_s,client,run_time_s,extra\n1,0,5,1\n")
    refused(invoke("validate", scenario), 2, ["unknown column 'extra'"])
    trace.write_text("time_s,client,run_time_s\n1,0,5\n100000,0,5\n")
    told = invoke("validate", scenario)
    assert told.exit_code == 0 and "1 of 2 launches come after the end" in told.stderr


def test_no_scenario_hides_a_fault_a_policy_or_a_metric():
    """`show NAME` tells of one thing."""
    policies = {name for kind in BUILT_IN.values() for name in kind}
    assert set(scenarios.names()) & ({*KINDS, *METRICS, *BUILT_IN} | policies) == set()


@pytest.mark.parametrize("command", [["run"], ["sweep"], ["resume"], ["report"], ["tune"], ["hunt"]])
def test_help_keeps_words_in_brackets(command: list[str]):
    """Rich takes them for markup unless they are escaped."""
    text = " ".join(invoke(*command, "--help").stdout.replace("│", " ").split())
    here = next(one for one in app.registered_commands if one.name == command[0])
    words = re.findall(r"\\?\[+[a-z]+\]+", inspect.getdoc(here.callback) or "")
    assert [word for word in words if word.replace("\\", "") not in text] == []
