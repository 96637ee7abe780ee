"""How much load the wall clock can take: one server and one shard of clients in real time, load by load."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from meterstorm.actors.cluster.wall_set import WallSet
from rich.console import Console

from ..metrics.metrics import metrics
from ..metrics.wall import of_wall
from ..reports.layout import Column, show_columns
from ..scenario import Scenario, validate

CLIENTS = (10_000, 50_000, 100_000, 200_000, 700_000)  # the most ask for a million messages a second
WARMUP_S = 2.0  # a client's cycle: so all are under way
CYCLE_S = 2.0  # half of it a program runs
LATENCY_MS = 20.0


class Load(NamedTuple):
    """What came of one load, over its measured time."""

    clients: int
    messages_per_s: float
    grants_per_s: float
    late_share: float
    lateness_ms_p99: float
    round_trip_ms_p99: float
    cpu_s: tuple[float, float]  # of the clients, and of the server
    real_s: float  # of the measured time, as `cpu_s`

    @property
    def messages(self) -> float:
        """How many there were."""
        return self.messages_per_s * self.real_s


def scenario(clients: int, seconds: float, durable: bool) -> Scenario:
    """Return a world in which each client asks every other second, and is granted what it asks for."""
    half_s = CYCLE_S / 2
    tables: dict[str, Any] = {
        "title": "a load on the wall clock",
        "run": {"clock": "wall", "duration_s": seconds, "warmup_s": WARMUP_S, "sample_s": seconds},
        "network": {"latency_ms": LATENCY_MS},
        "servers": {"count": 1, "service_ms": 0.0, "durable": durable},
        "clients": {"count": clients, "heartbeat_s": 0.0},
        "products": [{"licenses": 2 * clients}],
        "workload": {"launch_interval_s": half_s, "run_time_s": half_s},
        "policies": {"failover": {"name": "never"}, "balancing": {"name": "static"}},
    }
    return validate(tables)


def loads(
    clients: Sequence[int], seconds: float, durable: bool, on_progress: Callable[[float], None]
) -> Iterator[Load]:
    """Run each load for `seconds`; `on_progress` is told how many are done."""
    wall_set = WallSet()
    for done, number in enumerate(clients):
        on_progress(done)
        yield _load(wall_set, scenario(number, seconds, durable))


def _load(wall_set: WallSet, made: Scenario) -> Load:
    tally, measured = wall_set.simulate(made, 0, 1, 1.0, lambda share: None)
    found: dict[str, Any] = of_wall(metrics(made, tally), measured)
    return Load(
        made.clients.count,
        found["messages_per_s"],
        found["grants"] / measured.real_s,
        measured.late_share,
        found["lateness_ms_p99"],
        found["round_trip_ms_p99"],
        (found["cpu_s_clients"], found["cpu_s_servers"]),
        measured.real_s,
    )


def show(console: Console, found: Sequence[Load]) -> None:
    """Print what came of each load, and what it took; of CPU time, that of clients + server."""
    labels = Column("clients", [f"{one.clients:,}" for one in found])
    show_columns(console, labels, [Column(head, [cell(one) for one in found]) for head, cell in CELLS.items()])


def _cpu(one: Load, of_each: Callable[[float], str]) -> str:
    return " + ".join(of_each(cpu_s) for cpu_s in one.cpu_s)


CELLS: dict[str, Callable[[Load], str]] = {  # by what stands over them
    "messages/s": lambda one: f"{one.messages_per_s:,.0f}",
    "grants/s": lambda one: f"{one.grants_per_s:,.0f}",
    "late": lambda one: f"{one.late_share:.1%}",
    "late p99": lambda one: f"{one.lateness_ms_p99:.1f} ms",
    "round trip p99": lambda one: f"{one.round_trip_ms_p99:.1f} ms",
    "wall s": lambda one: f"{one.real_s:.2f}",
    "CPU s": lambda one: _cpu(one, lambda cpu_s: f"{cpu_s:.2f}"),
    "CPU": lambda one: _cpu(one, lambda cpu_s: f"{cpu_s / one.real_s:.0%}"),
    "CPU a message": lambda one: f"{_cpu(one, lambda cpu_s: f'{cpu_s / one.messages * 1e6:.3g}')} us",
    "a core bears": lambda one: f"{one.messages / max(one.cpu_s):,.0f}/s",
}
