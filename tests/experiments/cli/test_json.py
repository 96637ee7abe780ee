"""`--json`: the summary, and nothing else on standard output."""

import json
import re
from typing import Any

import pytest
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.runs import run
from meterstorm.experiments.runs.results import digest_of

from support.command_line import invoke, run_json


def check_schema(content: Any, arms: list[tuple[str | None, str | None]], replications: int) -> None:
    """Hold a summary against `experiments/README.md`."""
    assert list(content) == [
        "schema",
        "title",
        "digest",
        "seed",
        "shards",
        "clock",
        "warnings",
        "engine",
        "arms",
        "symptoms",
        "comparisons",
        "expectations",
    ]
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
        assert list(arm) == ["case", "name", "replications", "digest", "digests", "metrics", "groups"]
        assert arm["groups"] == []
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
    assert content["symptoms"] == content["comparisons"] == content["expectations"] == []
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


def test_nothing_but_messages_on_standard_error():
    assert invoke("run", "short.toml", "--workers", 0).stderr == ""


def test_json_leaves_standard_output_to_the_summary_also_when_shards_are_checked(monkeypatch):
    monkeypatch.setattr(run, "check_shards", lambda results, shards, report, **place: [])
    run_json("short.toml", "--check-shards", 2)
