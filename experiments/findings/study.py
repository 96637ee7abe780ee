"""A study: a sweep whose results are kept in the repository, as few columns as its answer needs."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..scenario import load
from ..scenario.axes import with_axes
from ..scenario.wording import in_toml
from ..sweeps import results
from ..sweeps.options import SweepOptions
from ..sweeps.points import Plan, check, plan
from ..sweeps.run import count_of, run_sweep

HERE = Path(__file__).parent
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Study(NamedTuple):
    """What is run: a scenario at the values of its axes, so many times at each."""

    name: str  # of its files
    source: str  # a built-in scenario, or a file as seen from the folder `experiments`
    vary: Mapping[str, Sequence[Any]]
    metrics: Sequence[str]  # those that are kept
    replications: int
    settings: Mapping[str, Any] = NOTHING
    arms: Sequence[str] | None = None  # those that are kept; None: all
    zipped: bool = False  # the axes' values are taken together; else in every combination

    @property
    def file(self) -> Path:
        """The results in the repository."""
        return file_of(self.name)

    @property
    def command(self) -> str:
        """The command that sweeps the same."""
        is_file = self.source.endswith(".toml")
        words = ["meterstorm", "sweep", f"experiments/{self.source}" if is_file else self.source]
        for arm in self.arms or ():
            words += ["--arm", arm]
        for key, value in self.settings.items():
            words += ["--set", f"{key}={in_toml(value)}"]
        for key, values in self.vary.items():
            words += ["--vary", f"{key}={','.join(str(value) for value in values)}"]
        words += ["--zip"] if self.zipped else []
        return shlex.join([*words, "--replications", str(self.replications)])

    @property
    def size(self) -> int:
        """How many rows it has: one for each world."""
        return count_of(self.plan())

    def plan(self, seed: int | None = None) -> Plan:
        """Return the sweep; without a seed, that of the scenario."""
        source = str(HERE.parent / self.source) if self.source.endswith(".toml") else self.source
        design = {"sweep.design": "zip" if self.zipped else "grid", "sweep.samples": 0}
        own = {**self.settings, "run.replications": self.replications, **design}
        seeds = {} if seed is None else {"run.seed": seed}
        made = plan(load(source, with_axes(own | seeds, self.vary), self.arms))
        check(made)
        return made

    def run(self, folder: Path, seed: int | None = None) -> list[dict[str, Any]]:
        """Sweep in a folder, on every core if that pays; raises ValueError for a world that failed.

        An interrupt raises KeyboardInterrupt.
        """
        made = self.plan(seed)
        if run_sweep(made, SweepOptions(), folder).interrupted:
            raise KeyboardInterrupt
        table = results.collect(made, folder)
        if failed := results.failures(table):
            raise ValueError(f"{self.name}: {failed[0]['error']}")
        kept = [*self.vary, "case", "arm", "replication", *self.metrics]
        return [{key: row[key] for key in kept} for row in table.to_pylist()]

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep results in the repository; raises OSError."""
        write(self.name, rows)

    def read(self) -> list[dict[str, Any]]:
        """Return the results in the repository; raises OSError."""
        return read(self.name)


def file_of(name: str) -> Path:
    """Return the file of a study's results in the repository."""
    return HERE / f"{name}.parquet"


def write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep a study's results in the repository; raises OSError."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(list(rows)), file_of(name), compression="zstd")


def read(name: str) -> list[dict[str, Any]]:
    """Return a study's results in the repository; raises OSError."""
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(file_of(name)).to_pylist()
    return rows
