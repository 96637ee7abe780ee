"""Where two runs differ: the first world whose digests differ, and in it the first event that does.

A run's folder holds its scenario as resolved and a digest of each world; each of its files says of which run it
is. The events come from its `journal.parquet` (`meterstorm run --journal`); where there is none, the world is run
again on as many shards.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.records import journal
from meterstorm.actors.setup.origin import sha256_of
from meterstorm.actors.shards.simulate import simulate

from ..runs.results import DIGEST_LINE
from ..scenario import Scenario, counted, load, versions
from .columns import TABLES
from .journal import FILE, describe
from .journal import read as read_journal
from .parquet import digest_in

CONTEXT = 3  # rows shown before the first that differs

Cell = tuple[str | None, str | None, int]  # case, arm, replication


class RunFolder(NamedTuple):
    """What a run has left on disk."""

    path: Path
    scenario: Scenario
    shards: int
    digests: dict[Cell, str]
    inputs: dict[str, str]  # SHA-256 of policies and data, by path


class Difference(NamedTuple):
    """The first world in which two runs differ; the rows before (in words), and each run's own next row."""

    cell: Cell
    equal_worlds: int
    equal_rows: int
    before: list[str]
    rows: tuple[str, str]


def read(path: Path) -> RunFolder:
    """Read a run's folder; raises ValueError when it is not one."""
    try:
        content = json.loads((path / "summary.json").read_text(encoding="utf-8"))
        provenance = json.loads((path / "provenance.json").read_text(encoding="utf-8"))
        toml = (path / "scenario.toml").read_text(encoding="utf-8")
        _check_digests(path, content["digest"], provenance["digest"], toml)
        digests = {
            (arm["case"], arm["name"], number): digest
            for arm in content["arms"]
            for number, digest in enumerate(arm["digests"])
        }
        inputs = {file["path"]: file["sha256"] for file in provenance["inputs"]}
        return RunFolder(path, load(str(path / "scenario.toml"), {}), content["shards"], digests, inputs)
    except OSError as error:
        raise ValueError(f"{path} is not the folder of a run: {error.filename}: {error.strerror}") from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the folder of a run: {type(error).__name__}: {error}") from error


def _check_digests(path: Path, expected: str, provenance: str, toml: str) -> None:
    """Raise ValueError if a file of the folder is not of the run that its summary is of."""
    first = toml.partition("\n")[0]
    found = {
        "provenance.json": provenance,
        "scenario.toml": first.removeprefix(DIGEST_LINE) if first.startswith(DIGEST_LINE) else None,
        **{name: digest_in(path / name) for name in TABLES if (path / name).exists()},
    }
    for name, digest in found.items():
        if digest != expected:
            whose = "says of no run that it is" if digest is None else f"is of the run with digest {digest}"
            raise ValueError(f"{path / name} {whose}; summary.json is of the one with digest {expected}")


def _check_inputs(run: RunFolder) -> None:
    """Raise ValueError if a policy or data have changed since the run, so that it cannot run again."""
    for path, expected in run.inputs.items():
        if not Path(path).is_file():
            raise ValueError(f"{path}: is not there any more; {run.path} ran with it")
        if sha256_of(path) != expected:
            kept = f"; {run.path / 'policies'} has it as it was" * path.endswith(".py")
            raise ValueError(f"{path}: has changed since {run.path} ran with it{kept}")


def _changed_inputs(a: RunFolder, b: RunFolder) -> list[str]:
    paths = sorted(path for path in a.inputs.keys() & b.inputs.keys() if a.inputs[path] != b.inputs[path])
    return [
        f"{path} has changed: SHA-256 {a.inputs[path][:8]} in {a.path}, {b.inputs[path][:8]} in {b.path}"
        for path in paths
    ]


def compare(a: RunFolder, b: RunFolder, ray_address: str | None = None) -> Difference | int:
    """Return the first difference, or how many worlds are equal.

    Worlds are paired by case, arm and replication. Those that ran on shards run again on the Ray cluster at
    `ray_address`, or here. Raises ValueError when the runs have none in common, or when a world run again does not
    give its own digest.
    """
    common = [cell for cell in a.digests if cell in b.digests]
    if not common:
        raise ValueError(f"{a.path} and {b.path} have no case, arm and replication in common")
    for equal, cell in enumerate(common):
        if a.digests[cell] != b.digests[cell]:
            return _difference(a, b, cell, equal, ray_address)
    return len(common)


def _difference(a: RunFolder, b: RunFolder, cell: Cell, equal_worlds: int, ray_address: str | None) -> Difference:
    rows = [_journal(a, cell, ray_address), _journal(b, cell, ray_address)]
    place = journal.first_difference(*rows)
    if place is None:
        raise ValueError(f"the digests of {name_of(cell)} differ, but not its events: the journals are incomplete")
    scenarios = [scenario_of(run, cell) for run in (a, b)]
    before = [describe(rows[0][k], scenarios[0]) for k in range(max(0, place - CONTEXT), place)]
    ends = [
        describe(row[place], scenario) if place < len(row) else "the end"
        for scenario, row in zip(scenarios, rows, strict=True)
    ]
    return Difference(cell, equal_worlds, place, before, (ends[0], ends[1]))


def scenario_of(run: RunFolder, cell: Cell) -> Scenario:
    """Return what ran as this world."""
    return next(version.scenario for version in versions(run.scenario) if (version.case, version.arm) == cell[:2])


def _journal(run: RunFolder, cell: Cell, ray_address: str | None) -> Any:
    if (run.path / FILE).exists():
        return read_journal(run.path, *cell)
    return _run_again(run, cell, ray_address)


def _run_again(run: RunFolder, cell: Cell, ray_address: str | None) -> Any:
    _check_inputs(run)
    scenario, replication = scenario_of(run, cell), cell[2]
    if run.shards > 1:
        with ShardSet(run.shards, ray_address) as shard_set:
            tally = shard_set.simulate(scenario, replication, keep_journal=True)
    else:
        tally = simulate(scenario, replication, keep_journal=True)
    if f"{tally.digest:016x}" != run.digests[cell]:
        raise ValueError(
            f"{run.path}: {name_of(cell)} had the digest {run.digests[cell]} and now has {tally.digest:016x}: "
            "this version is another one (see provenance.json); run both with --journal in their own"
        )
    return tally.journal


def name_of(cell: Cell) -> str:
    """Return in words which world it is."""
    case, arm, replication = cell
    names = [f"{what} {name!r}" for what, name in (("case", case), ("arm", arm)) if name]
    return ", ".join([*names, f"replication {replication}"])


def report(a: RunFolder, b: RunFolder, found: Difference | int) -> list[str]:
    """Return what to print."""
    if isinstance(found, int):
        return [f"{counted(found, 'world')}, equal digests"]
    lines = [
        f"the first world that differs: {name_of(found.cell)}"
        f" ({found.equal_worlds} before {_are(found.equal_worlds)} equal)",
        f"its first {counted(found.equal_rows, 'journal row')} {_are(found.equal_rows)} equal, then:",
        *(f"  both  {line}" for line in found.before),
    ]
    lines += _changed_inputs(a, b)
    return [*lines, f"  {a.path}  {found.rows[0]}", f"  {b.path}  {found.rows[1]}"]


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
