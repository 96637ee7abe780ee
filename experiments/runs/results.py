"""What a run gave, in memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meterstorm.actors.setup.origin import Origin, check
from meterstorm.actors.shards.timing import ShardTiming
from meterstorm.actors.wall.outcome import Measures

from ..metrics.groups import Groups, sizes
from ..metrics.metrics import Value
from ..metrics.names import named
from ..scenario import Scenario, Version
from .inputs import Input
from .table import GroupRow, Row, batch, schema, schema_of_groups, without_costs
from .worlds import Worlds

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Replication:
    """What one replication of one version gave."""

    number: int
    digest: int
    metrics: dict[str, Value]
    events: int
    cpu_s: float
    memory_bytes: int  # peak resident set of the process that ran it
    series: Any  # int64, shape (samples + 1, COLUMNS)
    queueing: Any  # rows of SUM, ns, shape (samples + 1,)
    servers: Any  # rows of SERVER (state/servers.py)
    server_series: Any  # rows of SERVER_SAMPLE (state/servers.py), shape (samples + 1, servers)
    faults: Any  # rows of FAULT (state/schedule.py)
    journal: Any = None  # rows of JOURNAL (state/events.py), if one was kept
    timing: ShardTiming | None = None  # if this process ran it on shards
    groups: Groups = field(default_factory=dict)  # the metrics of each group of clients, if there are any
    origin: Origin = field(default_factory=dict)  # the code and files that it comes from
    wall: Measures | None = None  # of the wall clock

    def value(self, name: str) -> Value:
        """Return a metric of the world, or of a group (`groups.NAME.METRIC`); None without such a group."""
        metric, group = named(name)
        return self.metrics[metric] if group is None else self.groups.get(group, {}).get(metric)


@dataclass
class VersionResult:
    """The replications of one arm in one case, in order of their numbers."""

    version: Version
    replications: list[Replication] = field(default_factory=list)
    world: str | None = None  # what its worlds are known by (identity.py), as it was when the run began
    origin: Origin | None = None  # that of all its replications, as it was when the run began; None: any


@dataclass
class Results(Worlds):
    """What a run gave: all versions in order; fewer replications than asked for when it was interrupted."""

    scenario: Scenario
    shards: int
    versions: list[VersionResult]
    wall_s: float = 0.0
    interrupted: bool = False  # by the user, or by what `failure` says
    failure: Exception | None = None  # of Ray, a node, memory or the disk (failures.py), if that has ended it
    inputs: list[Input] = field(default_factory=list)  # as they were when the run began
    warnings: list[str] = field(default_factory=list)  # what of the input the run does not see

    def add(self, version: int, replication: Replication, whose: str = "this process") -> None:
        """Put a replication in its place; raises OriginError, which says `whose` it is, if of another origin."""
        result = self.versions[version]
        if result.origin is not None:
            check(replication.origin, result.origin, whose)
        rows = result.replications
        rows.append(replication)
        rows.sort(key=lambda row: row.number)

    def to_arrow(self) -> "pa.Table":
        """Return a row for each world, with the columns of metrics.parquet."""
        import pyarrow as pa

        return without_costs(pa.Table.from_batches([batch(list(self._rows()), schema({}))]))

    def groups_to_arrow(self) -> "pa.Table":
        """Return a row for each group of clients of each world, with the columns of groups.parquet."""
        import pyarrow as pa

        return pa.Table.from_batches([batch(list(self._groups()), schema_of_groups())])

    def _groups(self) -> Iterator[GroupRow]:
        for result in self.versions:
            clients = sizes(result.version.scenario)
            for row in result.replications:
                case, arm = result.version.case, result.version.arm
                for name, metrics in row.groups.items():
                    yield GroupRow(case, arm, row.number, name, clients[name], metrics)

    def _rows(self) -> Iterator[Row]:
        seed = self.scenario.run.seed
        for result in self.versions:
            case, arm = result.version.case, result.version.arm
            for row in result.replications:
                digest = f"{row.digest:016x}"
                yield Row(0, {}, case, arm, row.number, seed, result.world, digest, row.metrics, row.events)


DIGEST_LINE = "# digest "  # how a run's scenario.toml begins


def with_digest(toml: str, digest: str) -> str:
    """Return a scenario's text with a first line that says of which run it is."""
    return f"{DIGEST_LINE}{digest}\n{toml}"


def without_digest(toml: str) -> str:
    """Return a scenario's text without that line, if it has one."""
    first, _, rest = toml.partition("\n")
    return rest if first.startswith(DIGEST_LINE) else toml


def digest_of(parts: list[str]) -> str:
    """Return one digest for several, in order."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
