"""The command line of the benchmarks: meterstorm bench engine, shards, sweep, wall, real, and storm (storm.py)."""

from pathlib import Path
from typing import Annotated

import typer
from meterstorm.actors.cluster.connection import ClusterError

from .console import (
    INVARIANT,
    UNAVAILABLE,
    WRONG_INPUT,
    announce_compilation,
    fail,
    make_folder,
    messages,
    output,
    progress,
    spent,
)
from .options import NoReport, folder
from .storm import bench_storm_command

bench_app = typer.Typer(no_args_is_help=True, help="Measure the engine itself, or compare policies in storms.")
bench_app.command("storm")(bench_storm_command)


@bench_app.command("engine")
def bench_engine_command(
    clients: Annotated[
        list[int] | None, typer.Option(help="Multiple of 40. Repeatable. Default: a thousand to a million.")
    ] = None,
    peers: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Compare with these only. Repeatable.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=5, help="Of every program at every size.")] = 5,
    events: Annotated[int, typer.Option(min=10_000, help="Events per repetition, approximately.")] = 1_000_000,
    memory: Annotated[bool, typer.Option("--memory", help="Instead: memory for a client.")] = False,
    storm: Annotated[bool, typer.Option("--storm", help="Instead: speed and memory in an endless storm.")] = False,
    out: Annotated[Path, typer.Option(parser=folder, help="Folder for the results.")] = Path(
        "results/bench-engine"
    ),
    no_report: NoReport = False,
) -> None:
    """Compare the engine with SimPy, cimba and hand-written loops in Python and C, on one model.

    Takes about a quarter of an hour with everything. Exit status 3: the programs disagree on the model.
    """
    from ..bench import engine, report
    from ..runs.folder import REPORT
    from .execution import write_report

    sizes = clients or [1_000_000 if memory or storm else size for size in engine.CLIENTS]
    if wrong := [size for size in sizes if size < 40 or size % 40]:
        fail(WRONG_INPUT, f"--clients {wrong[0]}: must be a positive multiple of 40")
    announce_compilation()
    try:
        if memory or storm:
            _bench_limits(sorted(set(sizes)), memory, storm, repetitions)
            return
        programs, notes = engine.choose(peers)
        for note in notes:
            messages().print(note)
        make_folder(out)
        total = len(programs) * len(sizes) * repetitions
        with progress(f"{len(programs)} programs", total) as advance:
            rows = engine.measure(programs, sorted(set(sizes)), events, repetitions, advance)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    except engine.BenchError as error:
        fail(INVARIANT, str(error))
    report.show(output(), rows)
    report.write(out, rows, {"events": events, "repetitions": repetitions})
    if not no_report:
        write_report(out)
    if found := engine.disagreements(rows):
        fail(INVARIANT, "the programs disagree on the model:\n" + "\n".join(found))
    print(f"all agree on events, grants and denials; results in {out}")
    if not no_report:
        print(f"report: {out / REPORT}")


def _bench_limits(sizes: list[int], memory: bool, storm: bool, repetitions: int) -> None:
    from ..bench import limits

    for size in sizes:
        if memory:
            print(f"{size:,} clients: {limits.bytes_per_client(size):.0f} bytes a client at the peak")
        if storm:
            with progress(f"storm of {size:,} clients", repetitions) as advance:
                found = limits.storm(size, repetitions, on_progress=advance)
            print(
                f"{size:,} clients: {found.calm_rate / 1e6:.3g} million events per CPU second in the calm, "
                f"{found.storm_rate / 1e6:.3g} in the storm (x {found.storm_rate / found.calm_rate:.2f}); "
                f"peak memory {found.memory / 2**20:.0f} MiB, {found.memory_longer / 2**20:.0f} in a storm "
                f"{limits.LONGER:g} times as long"
            )


@bench_app.command("shards")
def bench_shards_command(
    shards: Annotated[int, typer.Option(min=2, help="Ray actors that share a world.")] = 2,
    clients: Annotated[
        list[int] | None,
        typer.Option(help="Multiple of 40. Repeatable. Default: a hundred thousand, a million."),
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Of every world, alone and on shards.")] = 5,
) -> None:
    """Compare a storm in one process and on shards: wall time, and how shards spend it.

    The storm: every server is away, clients fail over at once, 5 ms latency. Takes a few minutes, and an idle core
    for each shard. Exit status 3: a digest differs.
    """
    from meterstorm.actors.cluster.shard_set import ShardSet

    from ..bench import shards as worlds

    sizes = clients or [100_000, 1_000_000]
    if wrong := [size for size in sizes if size < 40 or size % 40]:
        fail(WRONG_INPUT, f"--clients {wrong[0]}: must be a positive multiple of 40")
    announce_compilation()
    try:
        with ShardSet(shards) as shard_set:
            for size in sizes:
                with progress(f"storm of {size:,} clients", repetitions) as advance:
                    found = worlds.gain(worlds.storm(size), shard_set, repetitions, advance)
                print(
                    f"{size:,} clients, {shards} shards: {found.shared_s:.3g} s, {found.alone_s:.3g} s alone "
                    f"(x {found.speed_up:.2f}); {spent(found.timing.shares(shards))}"
                )
            idle = worlds.gain(worlds.idle(), shard_set, repetitions)
            print(f"next to no clients: {spent(idle.timing.shares(shards))}")
    except worlds.DigestsDiffer as error:
        fail(INVARIANT, str(error))
    except ClusterError as error:
        fail(UNAVAILABLE, str(error))


@bench_app.command("sweep")
def bench_sweep_command(
    workers: Annotated[
        list[int] | None, typer.Option(min=1, help="Processes that run worlds. Repeatable. Default: 1 and 2.")
    ] = None,
    worlds: Annotated[int, typer.Option(min=10, help="Worlds of a sweep.")] = 2_000,
    events: Annotated[int, typer.Option(min=1_000, help="Events of a world, approximately.")] = 50_000,
) -> None:
    """Run a sweep of small worlds on one worker and on two, from start to end; then time the parts of a world.

    Takes about a minute, and an idle core for each worker. Exit status 3: a digest differs.
    """
    from ..bench import sweep

    announce_compilation()
    numbers = list(dict.fromkeys(workers or (1, 2)))
    made = sweep.worlds(worlds, events)
    try:
        with progress(f"{worlds:,} worlds", worlds * len(numbers)) as advance:
            found = sweep.paces(made, numbers, advance)
    except sweep.DigestsDiffer as error:
        fail(INVARIANT, str(error))
    memory = sweep.peak_memory_bytes()
    sweep.show(output(), found, sweep.parts(made))
    print(f"peak memory of the process that hands them out: {memory / 2**20:.0f} MiB")


@bench_app.command("wall")
def bench_wall_command(
    clients: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Repeatable. Default: ten thousand to seven hundred thousand."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="Measured time of each load.", show_default="5.0")
    ] = None,
    durable: Annotated[bool, typer.Option("--durable", help="Have the server keep its leases on disk.")] = False,
    connections: Annotated[
        int | None,
        typer.Option(
            min=1, help="Instead: so many TCP connections to a server that is killed, until all are back."
        ),
    ] = None,
) -> None:
    """Run one server and one shard of clients in real time, at one load after the other; 1.5 messages/s a client.

    Takes about a minute, and two idle cores. Late is what comes more than 5 ms after its time. CPU time is of
    clients + server, over the wall seconds that were measured: in s, in per cent of a core, and a message; a core
    bears what the one of them that takes more CPU time could have if it had one.

    With --connections 10000 clients keep real connections on the loopback to a server that is killed, away for
    a second and started again: how long until it has answered all of them, and with what CPU time, with listen
    queues of 128 and 4,096, with and without jitter in the clients' policy.
    """
    from ..bench import wall
    from ..scenario import counted

    if connections is not None:
        given = [*(f"--clients {number}" for number in clients or ()), *["--durable"] * durable]
        given += [] if seconds is None else [f"--seconds {seconds:g}"]
        if given:
            fail(WRONG_INPUT, f"{given[0]}: not with --connections {connections}, which has no licenses")
        _bench_connections(connections)
        return
    announce_compilation()
    sizes = clients or wall.CLIENTS
    try:
        with progress(counted(len(sizes), "load"), len(sizes)) as advance:
            found = list(wall.loads(sizes, 5.0 if seconds is None else seconds, durable, advance))
    except ClusterError as error:
        fail(UNAVAILABLE, str(error))
    wall.show(output(), found)


def _bench_connections(number: int) -> None:
    """Kill a server with `number` connections, and show how they come back."""
    from ..bench import connections
    from ..scenario import counted

    cells = len(connections.BACKLOGS) * len(connections.JITTER)
    try:
        with progress(counted(number, "connection"), cells) as advance:
            found = list(connections.cells(number, advance))
    except connections.ConnectionsError as error:
        fail(UNAVAILABLE, f"--connections {number}: {error}")
    connections.show(output(), found)


@bench_app.command("real")
def bench_real_command(
    seconds: Annotated[float, typer.Option(min=0.1, help="Time of each measurement.")] = 3.0,
) -> None:
    """Check licenses out of real servers, kill them, and see what they have kept and when they are back.

    Takes two minutes, and two idle cores: one is the client's. A checkout is a request and its release. CPU
    time, of client + server, is that of one of many at once. Unheard of: leases that nobody was told of in time.
    Killed once more, it meets a crowd: 50 clients that ask from its start on, each millisecond until they are
    answered; when all are, and after how many tries of all.
    """
    from meterstorm.actors.shards.transport.frames import PeerLost
    from meterstorm.actors.wall.backends.backend import Missing

    from ..bench import real
    from ..scenario import counted

    try:
        with progress(counted(len(real.MODES), "mode"), len(real.MODES)) as advance:
            found = list(real.modes(seconds, advance))
    except (Missing, PeerLost) as error:
        fail(UNAVAILABLE, str(error))
    real.show(output(), found)
