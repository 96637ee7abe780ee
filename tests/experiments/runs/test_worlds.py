"""Results as a table of worlds: what a run, its folder and a sweep of the same worlds have in it."""

import os
import sys
from pathlib import Path

import pytest
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.reports.summary import summary, write_folder
from meterstorm.experiments.runs.identity import world_of
from meterstorm.experiments.runs.results import Results
from meterstorm.experiments.runs.run import run
from meterstorm.experiments.runs.table import COLUMNS
from meterstorm.experiments.scenario import load, validate
from meterstorm.policies import sources
from pyarrow import parquet

from support.command_line import COMPARED, POLICIES, SHORT


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    file = tmp_path_factory.mktemp("scenario") / "compared.toml"
    file.write_text(COMPARED)
    return run(load(file), workers=0)


def test_a_row_has_what_its_world_gave(results: Results):
    table = results.to_arrow()
    assert table.column_names == list(COLUMNS)
    expected = [
        {"case": one.version.case, "arm": one.version.arm, "replication": row.number, "events": row.events}
        | {"digest": f"{row.digest:016x}", "point": 0, "seed": 1, "error": None, **row.metrics}
        for one in results.versions
        for row in one.replications
    ]
    assert table.num_rows == len(expected) == 12
    assert [{key: row[key] for key in expected[0]} for row in table.to_pylist()] == expected


def test_versions_are_known_by_what_they_are(results: Results):
    table = results.to_arrow()
    worlds = dict(
        zip(table["world"].to_pylist(), zip(*map(list, (table["case"], table["arm"])), strict=True), strict=True)
    )
    assert len(worlds) == 4
    assert None not in worlds


def test_metrics_parquet_of_a_run_is_this_table(results: Results, tmp_path: Path):
    content = summary(results)
    write_folder(tmp_path / "out", results, content)
    table = parquet.read_table(tmp_path / "out" / "metrics.parquet")
    assert table.replace_schema_metadata(None).equals(results.to_arrow())
    assert table.schema.metadata[b"meterstorm.digest"].decode() == content["digest"]


def test_differences_are_those_of_the_summary_s_values(results: Results):
    found = results.differences("never").to_pylist()
    assert len(found) == 2 * len(METRICS)
    arms = {(arm["case"], arm["name"]): arm["metrics"] for arm in summary(results)["arms"]}
    for row in found:
        assert (row["arm"], row["baseline"]) == ("immediate", "never")
        ours, theirs = (arms[row["case"], arm][row["metric"]]["values"] for arm in ("immediate", "never"))
        if row["n"] == 3 and not row["infinite"] and not row["baseline_infinite"]:
            mean = sum(a - b for a, b in zip(ours, theirs, strict=True)) / 3
            assert row["mean_difference"] == pytest.approx(mean)
        assert row["n"] + row["missing"] == 3
    assert any(row["mean_difference"] for row in found)


def test_a_policy_that_has_changed_makes_another_world(tmp_path: Path):
    """To a process that has not met it, and if it is as long as before; one that has goes on with it as it was."""
    (tmp_path / "mine.py").write_text(POLICIES)
    (tmp_path / "own.toml").write_text(f'{SHORT}[policies.failover]\nname = "mine.py:MyPolicy"\n')
    scenario = load(tmp_path / "own.toml")
    before = world_of(scenario)
    assert world_of(scenario) == before
    (tmp_path / "mine.py").write_text(POLICIES.replace("delay_s: float = 5.0", "delay_s: float = 6.0"))
    os.utime(tmp_path / "mine.py", (1, 1))  # whatever the clock's steps are
    assert world_of(scenario) == before
    sources.forget(tmp_path / "mine.py")
    assert world_of(scenario) != before


def test_without_pandas_it_says_so(results: Results, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_pandas\(\) needs pandas, .*pip install pandas"):
        results.to_pandas()


def test_with_pandas_it_is_a_frame(results: Results):
    pandas = pytest.importorskip("pandas")
    frame = results.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["launches"].tolist() == results.to_arrow()["launches"].to_pylist()


def test_an_interrupted_run_has_the_rows_that_are_there():
    def interrupt(done: float) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    results = run(
        validate({"title": "x", "run": {"duration_s": 60, "replications": 4}, "clients": {"count": 4}}),
        workers=0,
        on_progress=interrupt,
    )
    assert results.interrupted
    assert results.to_arrow()["replication"].to_pylist() == [0, 1]
