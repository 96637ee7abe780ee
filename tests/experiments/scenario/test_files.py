"""Reading scenario files, and built-in scenarios."""

import pytest
from meterstorm.experiments import scenarios as built_in_files
from meterstorm.experiments.scenario import (
    ScenarioError,
    built_in,
    load,
    source_text,
    versions,
)

from support.scenario_file import refused


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "no.toml"
    assert refused(path) == refused(str(path)) == [f"{path}: no such file"]


def test_a_folder_is_no_scenario(tmp_path):
    assert refused(tmp_path) == [f"{tmp_path}: a folder, not a scenario file"]


def test_a_file_that_is_not_toml(write):
    path = write("title = \n")
    (line,) = refused(path)
    assert line.startswith(f"{path}: not a TOML file: ") and "line 1" in line


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b'title = "\xff"')
    assert refused(path) == [f"{path}: not a TOML file: not UTF-8 text (byte 9)"]


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, 'title.{} = "x"'.format(".".join("a" * 5000))])
def test_a_file_nested_too_deep(write, text):
    path = write(text)
    (line,) = refused(path)
    assert line.startswith(f"{path}: ")


def test_a_path_that_cannot_be(write):
    (line,) = refused("a\0b.toml")
    assert "cannot be read" in line


def test_a_byte_order_mark_does_no_harm(write):
    assert load(write('\ufefftitle = "x"')).title == "x"


def test_built_in_scenarios_have_names(tmp_path, monkeypatch):
    (tmp_path / "outage.toml").write_text('title = "An outage"\n')
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/storm.toml").write_text('title = "A storm"\n[run]\nseed = 7\n')
    monkeypatch.setattr(built_in_files.resources, "files", lambda package: tmp_path)
    assert built_in() == {"outage": "An outage", "storm": "A storm"}
    assert built_in_files.sweeps() == ["storm"]
    assert source_text("outage") == 'title = "An outage"\n'
    assert load("storm").run.seed == 7
    line = 'strom: neither a built-in scenario (outage, storm) nor a file (did you mean "storm"?)'
    assert refused("strom") == [line]
    with pytest.raises(ScenarioError, match="neither a built-in"):
        source_text("strom")


def test_every_built_in_scenario_loads():
    for name, title in built_in().items():
        scenario = load(name)
        assert scenario.title == title
        assert versions(scenario)


FILES = {
    "trace": 'arrivals = "trace"',
    "run_times": 'run_time = "empirical"',
    "launch_intervals": 'launch = "empirical"',
}


@pytest.mark.parametrize("key", FILES)
def test_data_is_relative_to_the_file(key, write, tmp_path, monkeypatch):
    path = write(
        f'title = "x"\n[workload]\n{FILES[key]}\n{key} = "a.csv"\n'
        f'[[arms]]\nname = "b"\nset = {{ "workload.{key}" = "b.parquet" }}\n'
        f'[[arms]]\nname = "c"\nset = {{ workload.{key} = "c.csv" }}\n'
        f'[sweep]\nvary = {{ "workload.{key}" = ["d.csv"] }}\n'
    )
    monkeypatch.chdir(tmp_path.parent)
    scenario = load(path.relative_to(tmp_path.parent))
    assert getattr(scenario.workload, key) == str(tmp_path / "a.csv")
    files = [getattr(version.scenario.workload, key) for version in versions(scenario)]
    assert files == [str(tmp_path / "b.parquet"), str(tmp_path / "c.csv")]
    assert scenario.sweep.vary == {f"workload.{key}": [str(tmp_path / "d.csv")]}
