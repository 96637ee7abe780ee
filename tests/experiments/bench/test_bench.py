"""The benchmark of the engine: the programs agree with each other and the law, a wrong one is found, reports."""

import io
import json
import math
import sys
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
from meterstorm.experiments.bench import engine as bench_engine
from meterstorm.experiments.bench import limits as bench_limits
from meterstorm.experiments.bench import report as bench_report
from meterstorm.experiments.bench import shards as bench_shards
from meterstorm.experiments.bench.engine import OWN, PEERS, Program, Row
from meterstorm.experiments.bench.peers import HOLD_S, LATENCY_S, THINK_S, TIMEOUT_S, licenses
from meterstorm.experiments.cli import console
from meterstorm.experiments.cli import main as cli
from meterstorm.experiments.drawing.text import number
from meterstorm.experiments.pages import report
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner

from support.laws import engset
from support.meshed import simulate_on_shards

CLIENTS, EVENTS, REPETITIONS = 200, 20_000, 5
WRONG = Program("c_wrong", "C, one license too many", queue="heap", flags=("-DEXTRA_LICENSES=1",))
NEEDS_C = pytest.mark.skipif(bench_engine.compiler() is None, reason="no C compiler")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """All programs that can run here, at a small size."""
    programs, _ = bench_engine.choose(None)
    return bench_engine.measure(programs, [CLIENTS], EVENTS, REPETITIONS)


def test_the_programs_agree(rows: list[Row]) -> None:
    assert {row.program for row in rows} >= {"meterstorm_timeouts", "meterstorm_plain", "python_heap"}
    assert bench_engine.disagreements(rows) == []


def test_each_program_follows_the_law(rows: list[Row]) -> None:
    """The denied share is Engset's, for a fourth of the clients, who also think while messages travel."""
    law = engset(CLIENTS // 4, licenses(CLIENTS), (HOLD_S + 2 * LATENCY_S) / (THINK_S + 2 * LATENCY_S))
    for program in {row.program for row in rows}:
        found = bench_engine.select(rows, program, CLIENTS)
        shares = [row.denials / (row.grants + row.denials) for row in found]
        # About 6,000 decisions in each of five repetitions, correlated over a hold: a spread of 0.007 at most.
        assert fmean(shares) == pytest.approx(law, abs=0.012), program


def test_events_are_five_a_granted_cycle_and_three_a_denied_one(rows: list[Row]) -> None:
    for row in rows:
        # What is under way at the end: one cycle a client at most.
        assert abs(row.events - 5 * row.grants - 3 * row.denials) < 2 * CLIENTS, row


@NEEDS_C
def test_one_license_too_many_is_found() -> None:
    found = bench_engine.disagreements(bench_engine.measure([OWN[0], WRONG], [CLIENTS], 20 * EVENTS, REPETITIONS))
    assert any("c_wrong at 200 clients" in line and "denials" in line for line in found), found
    assert any("grants" in line for line in found), found


def test_events_counted_twice_are_found(rows: list[Row]) -> None:
    twice = [
        replace(row, events=row.events + row.grants + row.denials) if row.program == "python_heap" else row
        for row in rows
    ]
    found = bench_engine.disagreements(twice)
    assert len(found) == 1
    assert found[0].startswith("python_heap at 200 clients:")


def test_seeds_differ_between_programs_and_repetitions(rows: list[Row]) -> None:
    """Welch's interval takes the repetitions for independent."""
    python = [row for row in rows if row.program in ("python_heap", "simpy_lean", "simpy_messages")]
    assert len({(row.events, row.grants, row.denials) for row in python}) == len(python)


def test_the_compiler_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    programs, notes = bench_engine.choose(["c_heap", "python_heap"])
    assert [program.name for program in programs] == [*(own.name for own in OWN), "python_heap"]
    assert notes == ["c_heap: skipped, there is no C compiler (cc, or $CC)"]


def test_a_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(PEERS[-1], package="no-such-package")
    monkeypatch.setattr(bench_engine, "PEERS", (absent,))
    programs, notes = bench_engine.choose(None)
    assert programs == list(OWN)
    assert notes == [f"{absent.name}: skipped, no-such-package is not installed (pip install '.[peers]')"]


def test_a_program_that_stops_is_named() -> None:
    stopping = Program("no_such_module", "none")
    with pytest.raises(bench_engine.BenchError, match="no_such_module stopped with exit status 1"):
        bench_engine.measure([stopping], [CLIENTS], EVENTS, 1)


def test_the_report_tells_what_was_measured(rows: list[Row], tmp_path: Any) -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    bench_report.show(console, rows)
    text = console.export_text()
    for program in {row.program for row in rows}:
        title = next(known.title for known in bench_engine.PROGRAMS if known.name == program)
        assert title in text
    assert f"{bench_engine.rate(rows, 'python_heap', CLIENTS) / 1e6:.3g}" in text

    bench_report.write(tmp_path, rows, {"events": EVENTS})
    table = parquet.read_table(tmp_path / "repetitions.parquet").to_pylist()
    assert [Row(**row) for row in table] == rows
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["settings"] == {"events": EVENTS}
    assert provenance["programs"] == {row.program: row.version for row in rows}


def test_the_page_has_every_program_at_its_median(rows: list[Row], tmp_path: Any) -> None:
    bench_report.write(tmp_path, rows, {"events": EVENTS})
    (figure,) = report.report([tmp_path]).figures()
    names = {program.title: program.name for program in bench_engine.PROGRAMS}
    assert {names[title] for title in figure.table.heads[1:]} == {row.program for row in rows}
    (cells,) = figure.table.rows
    for title, cell in zip(figure.table.heads[1:], cells[1:], strict=True):
        median, _, _ = cell.partition(" [")
        assert median == number(bench_engine.rate(rows, names[title], CLIENTS))


def test_the_command_line_refuses_what_it_cannot_do() -> None:
    for arguments, message in (
        (["--clients", "41"], "--clients 41: must be a positive multiple of 40"),
        (["--peers", "fortran"], "--peers fortran: must be one of c_wheel"),
    ):
        result = CliRunner().invoke(cli.app, ["bench", "engine", *arguments])
        assert result.exit_code == console.WRONG_INPUT
        assert message in result.output


@NEEDS_C
def test_disagreement_is_exit_status_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(bench_engine, "PEERS", (WRONG,))
    monkeypatch.setattr(bench_report, "PROGRAMS", (*OWN, WRONG))
    arguments = ["--clients", str(CLIENTS), "--events", str(20 * EVENTS), "--out", str(tmp_path)]
    result = CliRunner().invoke(cli.app, ["bench", "engine", *arguments])
    assert result.exit_code == console.INVARIANT
    assert "c_wrong at 200 clients" in result.output
    assert (tmp_path / "repetitions.parquet").exists()  # what was measured is kept


def test_a_storm_is_time_outs_without_answers() -> None:
    seconds, clients = 120.0, 2_000
    with bench_engine.worker(bench_limits.STORM, clients) as started:
        sample = started.ask(seconds, 1)
    assert sample.grants == sample.denials == 0
    # A client whose user has launched (each after an exponential time) meets a time-out each second, half a second
    # after the launch on average.
    launched = clients * (1 - math.exp(-seconds / THINK_S))
    stormed_s = clients * seconds - THINK_S * launched
    assert sample.events == pytest.approx(launched + (stormed_s - launched / 2) / TIMEOUT_S, rel=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_grows_with_clients() -> None:
    """A client is at least its own row of records, and at most a few of them."""
    assert 100 < bench_limits.bytes_per_client(40_000, seconds=10.0) < 5_000


class InThreads:
    """Stands for a ShardSet: shards in threads, whose scenario may be another than they are told."""

    shards = 2

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def simulate(self, scenario: Any, replication: int) -> Any:
        assert replication == 0
        if self.seed is not None:
            scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"seed": self.seed})})
        return simulate_on_shards(scenario, self.shards)


def test_the_gain_of_shards_is_that_of_one_world_alone_and_shared() -> None:
    told: list[float] = []
    found = bench_shards.gain(bench_shards.storm(400, seconds=60.0), InThreads(), 2, told.append)  # type: ignore[arg-type]
    assert told == [1, 2]
    assert found.speed_up == found.alone_s / found.shared_s > 0
    assert found.timing.windows > 0


def test_shards_that_simulate_something_else_are_found_out() -> None:
    with pytest.raises(bench_shards.DigestsDiffer, match=r"400 clients: digest [0-9a-f]{16} alone"):
        bench_shards.gain(bench_shards.storm(400, seconds=60.0), InThreads(seed=7), 1)  # type: ignore[arg-type]
