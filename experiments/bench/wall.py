"""How much the wall clock bears: one server and one shard of clients in real time, at one load after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from meterstorm.actors.cluster.wall_set import WallSet
from rich.console import Console
from rich.table import Table

from ..metrics.metrics import metrics
from ..metrics.wall import of_wall
from ..scenario import Scenario, validate

CLIENTS = (10_000, 50_000, 100_000, 200_000)
WARMUP_S = 2.0  # a client's cycle: so all are under way
CYCLE_S = 2.0  # half of it a program runs
LATENCY_MS = 20.0
HEADINGS = "clients", "messages/s", "grants/s", "late", "late p99", "round trip p99", "CPU", "CPU a message"


class Load(NamedTuple):
    """What came of one load, over its measured time."""

    clients: int
    messages_per_s: float
    grants_per_s: float
    late_share: float
    lateness_ms_p99: float
    round_trip_ms_p99: float
    cpu_s: tuple[float, float]  # of the clients, and of the server
    real_s: float


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
    """Run each load for so many seconds; `on_progress` is told how many are done."""
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
    """Print a row for each load."""
    table = Table()
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for one in found:
        clients_s, server_s = one.cpu_s
        table.add_row(
            f"{one.clients:,}",
            f"{one.messages_per_s:,.0f}",
            f"{one.grants_per_s:,.0f}",
            f"{one.late_share:.1%}",
            f"{one.lateness_ms_p99:.1f} ms",
            f"{one.round_trip_ms_p99:.1f} ms",
            f"{clients_s / one.real_s:.0%} + {server_s / one.real_s:.0%}",
            f"{(clients_s + server_s) / one.real_s / one.messages_per_s * 1e6:.2f} us",
        )
    console.print(table)
