"""The command line: run, resume, diff, bench, list, show, doctor."""

import os
import platform
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from enum import Enum
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from meterstorm.actors import jit
from meterstorm.actors.checkpoint import CheckpointError
from meterstorm.actors.cluster import ShardLost
from meterstorm.actors.placement import PLACEMENTS
from meterstorm.actors.ray_start import ClusterError, host_and_port
from meterstorm.actors.shard import InvariantViolation
from meterstorm.actors.transport import TransportError
from rich.console import Console

from ..scenario import Scenario, ScenarioError, built_in, load, parse_override, source_text, versions
from .bench import bench_app
from .console import (
    INTERRUPTED,
    INVARIANT,
    UNAVAILABLE,
    WRONG_INPUT,
    announce_compilation,
    fail,
    fail_to_write,
    leave,
    make_folder,
    messages,
    progress,
    say,
    spent,
    unwritten,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure what license clients and metering servers do to each other when servers fail.",
)
app.add_typer(bench_app, name="bench")
GAVE_OUT = (ClusterError, TransportError, CheckpointError, MemoryError)  # no fault of the input, nor of the model
KB = "kb"  # the collection of all built-in scenarios that reproduce a Knowledge Base article


def _address(text: str | None) -> str | None:
    try:
        if text not in (None, "auto"):
            host_and_port(text)
        return text
    except ValueError as error:
        fail(WRONG_INPUT, f"--ray-address: {error}")


RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|auto",
        help="Use this Ray cluster; auto: the one of this machine.",
        callback=_address,
    ),
]
Placement = Enum("Placement", {name: name for name in PLACEMENTS})  # type: ignore[misc]


class Place(NamedTuple):
    """Which Ray cluster to use, if any, and how shards are placed in it."""

    ray_address: str | None = None
    placement: str = "pack"


def main() -> None:
    """Run the command line; exit 0 done, 2 wrong input, 3 an invariant failed, 130 interrupted.

    4: a process, a node, Ray, memory or the disk gave out.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to be ended is to be interrupted
    try:
        app()
    except KeyboardInterrupt:
        leave(INTERRUPTED)
    except SystemExit as end:
        if end.code in {INTERRUPTED, UNAVAILABLE}:
            leave(end.code)
        raise
    except GAVE_OUT as error:
        say(_reason(error))
        leave(UNAVAILABLE)


def _reason(error: Exception) -> str:
    return str(error) or "out of memory"


@app.command("run")
def run_command(
    source: Annotated[
        str, typer.Argument(metavar="NAME|FILE|kb", help="A built-in scenario, a TOML file, or kb: see below.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. clients.count=2000. Repeatable."),
    ] = None,
    failover: Annotated[str | None, typer.Option(help="Failover policy: a name, or FILE.py:CLASS.")] = None,
    selection: Annotated[str | None, typer.Option(help="Selection policy, likewise.")] = None,
    admission: Annotated[str | None, typer.Option(help="Admission policy, likewise.")] = None,
    balancing: Annotated[str | None, typer.Option(help="Balancing policy, likewise.")] = None,
    intersite: Annotated[str | None, typer.Option(help="Balancing policy between sites, likewise.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Root seed of all randomness.")] = None,
    replications: Annotated[str | None, typer.Option(metavar="N", help="Independent replications.")] = None,
    shards: Annotated[
        str | None, typer.Option(metavar="N|auto", help="Ray actors that share each world; 1: in process.")
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(metavar="N", help="Ray workers that run whole worlds; 0: none; default: as it pays (kb: 0)."),
    ] = None,
    check_shards: Annotated[
        str, typer.Option(metavar="N", help="Run first replications again on N shards; compare digests.")
    ] = "0",
    ray_address: RayAddress = None,
    placement: Annotated[
        Placement | None, typer.Option(help="Nodes for the shards in a cluster: few, many, or one each.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="Only 'virtual' in this version.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    journal: Annotated[
        bool, typer.Option("--journal", help="Keep every event, in journal.parquet: for small runs.")
    ] = False,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Save the run's state this often (30s, 5m, 1h): lost processes cost no more than that.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json, and nothing else, to stdout.")
    ] = False,
) -> None:
    """Run a scenario: every arm in every case, replicated; print a table and write the results.

    Examples: meterstorm run q226827 --replications 20, or
    meterstorm run my.toml --failover ./mine.py:MyPolicy --set policies.failover.delay_s=30

    meterstorm run kb runs every built-in scenario of a Knowledge Base article.
    Its table says which symptoms are reproduced: in the first arm, and less in the last.
    The exit status is 0 whatever is reproduced; --json prints an entry for each article.
    """
    worker_count = None if workers is None else _count("--workers", workers)
    check = _count("--check-shards", check_shards)
    policies = {
        "--failover": failover, "--selection": selection, "--admission": admission, "--balancing": balancing,
        "--intersite": intersite,
    }  # fmt: skip
    if source == KB:
        _refuse_for_collection(
            {
                **policies,
                "--check-shards": check,
                "--journal": journal,
                "--checkpoint-every": checkpoint_every,
            }
        )
    options = {
        "run.seed": _number(seed), "run.replications": _number(replications), "run.shards": _number(shards),
        "run.clock": clock,
        **{f"policies.{option[2:]}.name": _policy(name) for option, name in policies.items()},
    }  # fmt: skip
    place = _place(ray_address, placement)
    scenarios = _load(source, settings or [], options)
    if source == KB:
        _run_collection(scenarios, worker_count, place, out, as_json)
    else:
        ((name, scenario),) = scenarios.items()
        every_s = _every(checkpoint_every)
        _run(scenario, name, worker_count, place, check, out, journal, every_s, as_json)


def _place(ray_address: str | None, placement: Any) -> Place:
    if placement is None:
        return Place(ray_address)
    if ray_address is None:
        fail(WRONG_INPUT, f"--placement {placement.value}: only in a cluster; it needs --ray-address")
    return Place(ray_address, placement.value)


def _refuse_for_collection(options: dict[str, object]) -> None:
    for option, value in options.items():
        if value:
            given = option if value is True else f"{option} {value}"
            fail(WRONG_INPUT, f"{given}: not for {KB}, a collection; give it to one scenario at a time")


def _every(text: str | None) -> float | None:
    from ..runs.unfinished import parse_seconds

    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        fail(WRONG_INPUT, f"--checkpoint-every: {error}")


def _number(text: str | None) -> object:
    """Return a number as such; what is none is left to the check of the scenario, which says what is allowed."""
    return int(text) if text is not None and re.fullmatch("-?[0-9]{1,30}", text) else text


def _count(option: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        fail(WRONG_INPUT, f"{option} {text}: must be a whole number, 0 or more")
    return int(text)


def _policy(name: str | None) -> str | None:
    """Make the path of a policy given on the command line absolute: it is meant from the current folder."""
    return os.path.abspath(os.path.expanduser(name)) if name and ".py:" in name else name


def _overrides(settings: list[str], options: dict[str, Any]) -> dict[str, object]:
    overrides = dict(parse_override(text) for text in settings)
    overrides.update({key: value for key, value in options.items() if value is not None})
    return overrides


def _load(source: str, settings: list[str], options: dict[str, Any]) -> dict[str, Scenario]:
    """Return what is to be run, by name: one scenario, or those of the kb."""
    try:
        overrides = _overrides(settings, options)
        if source == KB:
            from ..reports import kb

            scenarios = kb.load_all(overrides)
        else:
            scenarios = {Path(source).stem: load(source, overrides)}
        for scenario in scenarios.values():
            _check_clock(scenario)
        return scenarios
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def _check_clock(scenario: Scenario) -> None:
    if scenario.run.clock != "virtual":
        raise ScenarioError(['run.clock: "wall" is not available in this version; it must be "virtual"'])


def _run(
    scenario: Scenario,
    name: str,
    workers: int | None,
    place: Place,
    check: int,
    out: Path | None,
    journal: bool,
    every_s: float | None,
    as_json: bool,
) -> None:
    if check:
        _check_can_be_shared(scenario, check)
    shards = _chosen_shards(scenario, workers)
    _join(place, shards, workers)
    if out is not None:
        make_folder(out)
    announce_compilation()
    unfinished = None
    if every_s is not None:
        from ..runs.unfinished import Settings

        unfinished = _begin(scenario, Settings(name, shards, workers, journal, every_s, *place), out)
    total, replications = _worlds(scenario), scenario.run.replications
    with progress(f"{total // replications} x {replications} worlds", total) as report:
        results, content, folder = _finish(
            scenario, name, shards, workers, place, out, report, journal, unfinished
        )
    _present(results, content, folder, as_json)
    if check:
        _check(results, check, place, messages if as_json else Console())


def _join(place: Place, shards: int, workers: int | None) -> None:
    """Connect to the cluster before anything is written, or end the command."""
    from ..runs import run

    try:
        with redirect_stdout(sys.stderr):
            run.join(place.ray_address, shards, workers)
    except ValueError as error:
        fail(WRONG_INPUT, f"--ray-address: {error}")
    except ClusterError as error:
        fail(UNAVAILABLE, str(error))


def _present(results: Any, content: dict[str, Any], folder: Path, as_json: bool) -> None:
    from ..reports import summary, tables

    if as_json:
        print(summary.to_json(content))
    else:
        _report(tables.show, results, content, folder)
    if results.interrupted:
        _fail_interrupted(_kept(content), _worlds(results.scenario), folder)


def _begin(scenario: Scenario, settings: Any, out: Path | None) -> Any:
    """Set up the folder of a run with checkpoints."""
    from ..runs.unfinished import UnfinishedRun, default_folder

    folder = out or default_folder(settings.name, scenario)
    make_folder(folder)
    try:
        return UnfinishedRun.begin(folder, scenario, settings)
    except OSError as error:
        fail_to_write(error, folder)
    except CheckpointError as error:
        fail(UNAVAILABLE if error.__cause__ else WRONG_INPUT, str(error))  # the cause is what the system says


@app.command("resume")
def resume_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run with --checkpoint-every.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json, and nothing else, to stdout.")
    ] = False,
) -> None:
    """Finish a run that was begun with --checkpoint-every and whose process died or was interrupted.

    The results are those of a run that was never interrupted. It keeps on taking checkpoints.
    """
    from ..runs.unfinished import UnfinishedRun

    announce_compilation()
    try:
        unfinished = UnfinishedRun.reopen(folder)
    except (CheckpointError, ScenarioError, OSError) as error:
        fail(WRONG_INPUT, str(error))
    scenario, settings = unfinished.scenario, unfinished.settings
    place = Place(settings.ray_address, settings.placement)
    with progress(f"{_worlds(scenario)} worlds", _worlds(scenario)) as report:
        results, content, _ = _finish(
            scenario, *settings[:3], place, folder, report, settings.keep_journal, unfinished
        )
    _present(results, content, folder, as_json)


def _run_collection(
    scenarios: dict[str, Scenario], workers: int | None, place: Place, out: Path | None, as_json: bool
) -> None:
    """Run one scenario after the other; each writes its folder before the next one starts."""
    from ..reports import kb, summary, tables

    shards = {name: _chosen_shards(scenario, workers) for name, scenario in scenarios.items()}
    _join(place, max(shards.values()), workers)
    if out is not None:
        make_folder(out)
    announce_compilation()
    if place.ray_address is None:
        workers = workers or 0
    total, before = sum(map(_worlds, scenarios.values())), 0
    finished = []
    with progress(f"{KB}: {len(scenarios)} scenarios", total) as report:
        for name, scenario in scenarios.items():
            into = out / name if out else None
            advance = _after(before, report)
            results, content, folder = _finish(scenario, name, shards[name], workers, place, into, advance)
            finished.append(kb.Finished(name, results, content))
            before += _kept(content)
            if results.interrupted:
                break
    if as_json:
        print(summary.to_json(kb.content(finished)))
    else:
        tables.show_collection(Console(), finished, folder.parent)
    if results.interrupted:
        _fail_interrupted(before, total, folder.parent)


def _worlds(scenario: Scenario) -> int:
    return len(versions(scenario)) * scenario.run.replications


def _after(before: int, report: Callable[[float], None]) -> Callable[[float], None]:
    return lambda done: report(before + done)


def _chosen_shards(scenario: Scenario, workers: int | None) -> int:
    """Return how many shards share each world; workers run whole ones."""
    from ..runs.sharding import choose_shards

    shards = scenario.run.shards
    if shards == "auto":
        shards, reason = (1, "--workers run whole worlds") if workers else choose_shards(scenario)
        messages.print(f"shards = auto: {shards}, since {reason}", highlight=False)
    if shards > 1 and workers:
        fail(WRONG_INPUT, f"--workers {workers}: workers run whole worlds, but here {shards} shards share each")
    return shards


def _check_can_be_shared(scenario: Scenario, shards: int) -> None:
    for version in versions(scenario):
        clients, latency_ms = version.scenario.clients.count, version.scenario.network.latency_ms
        if latency_ms == 0:
            fail(WRONG_INPUT, "--check-shards: shards need network.latency_ms > 0; this scenario has 0")
        if shards > clients:
            fail(WRONG_INPUT, f"--check-shards {shards}: at most as many as there are clients, {clients}")


def _finish(
    scenario: Scenario,
    name: str,
    shards: int,
    workers: int | None,
    place: Place,
    out: Path | None,
    report: Callable[[float], None],
    journal: bool = False,
    unfinished: Any = None,
) -> tuple[Any, dict[str, Any], Path]:
    """Run a scenario and write its folder; return the results, the summary and the folder."""
    from ..reports import summary
    from ..runs import run

    with unfinished or nullcontext():
        try:
            with redirect_stdout(sys.stderr):  # Ray prints there what it has to say of lost processes
                results = run.run(
                    scenario,
                    shards=shards,
                    workers=workers,
                    keep_journal=journal,
                    on_progress=report,
                    unfinished=unfinished,
                    **place._asdict(),
                )
        except InvariantViolation as error:
            fail(INVARIANT, f"invariant violated: {error}")
        except ValueError as error:
            fail(WRONG_INPUT, str(error))
        except GAVE_OUT as error:
            fail(UNAVAILABLE, f"{_reason(error)}{_way_on(error, unfinished)}")
        content = summary.summary(results)
        folder = unfinished.folder if unfinished else out or Path("results") / f"{name}-{content['digest'][:8]}"
        if content["arms"]:
            try:
                summary.write_folder(folder, results, content)
            except OSError as error:
                print(summary.to_json(content))
                kept = "the summary is on standard output instead"
                fail(UNAVAILABLE, f"{unwritten(error, folder)}\n{kept}{_way_on(error, unfinished)}")
        if unfinished and not results.interrupted:
            unfinished.remove()
    return results, content, folder


def _way_on(error: Exception, unfinished: Any) -> str:
    if unfinished:
        return f"\nwhat is done is kept: meterstorm resume {unfinished.folder} goes on"
    if isinstance(error, ShardLost):
        return "\nwith --checkpoint-every 30s a run goes on from its last checkpoint"
    return ""


def _kept(content: dict[str, Any]) -> int:
    return sum(arm["replications"] for arm in content["arms"])


def _fail_interrupted(kept: int, total: int, folder: Path) -> NoReturn:
    lines = [f"interrupted; kept {kept} of {total} worlds" + (f" in {folder}" if kept else "")]
    if (folder / "checkpoints" / "run").exists():
        lines.append(f"meterstorm resume {folder} goes on")
    fail(INTERRUPTED, "\n".join(lines))


def _report(show: Callable[..., None], results: Any, content: dict[str, Any], folder: Path) -> None:
    stdout = Console()
    if content["arms"]:
        show(stdout, results)
        engine = content["engine"]
        stdout.print(
            f"{engine['events']:,} events in {engine['wall_s']:.1f} s; results in {folder}; "
            f"digest {content['digest']}",
            highlight=False,
            soft_wrap=True,
        )
        if pace := engine.get("pace"):
            stdout.print(f"{results.shards} shards: {spent(pace)}", highlight=False, soft_wrap=True)


def _check(results: Any, shards: int, place: Place, console: Console) -> None:
    """Compare digests alone and on shards; a difference is a defect."""
    from ..runs import run

    started = time.perf_counter()
    with progress(f"first replications on {shards} shards", len(results.versions)) as report:
        different = run.check_shards(results, shards, report, **place._asdict())
    if different:
        fail(INVARIANT, "digests differ between 1 shard and several:\n" + "\n".join(different))
    console.print(
        f"the digests of {len(results.versions)} first replications agree on {shards} Ray shards "
        f"({time.perf_counter() - started:.1f} s)",
        highlight=False,
        soft_wrap=True,
    )


@app.command("diff")
def diff_command(
    a: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of another run.")],
    ray_address: RayAddress = None,
) -> None:
    """Compare two runs, world by world; show the first event that differs. Exit 0: equal; 1: they differ."""
    from ..reports import diff

    try:
        runs = diff.read(a), diff.read(b)
        found = diff.compare(*runs, ray_address)
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    for line in diff.report(*runs, found):
        print(line)
    if not isinstance(found, int):
        raise typer.Exit(1)


@app.command("list")
def list_command() -> None:
    """List the built-in scenarios."""
    titles = built_in() | {KB: "all of the above that reproduce a Knowledge Base article"}
    for name, title in titles.items():
        print(f"{name:20} {title}")


@app.command("show")
def show_command(name: Annotated[str, typer.Argument(help="A built-in scenario.")]) -> None:
    """Print a built-in scenario's file, to copy and change."""
    try:
        print(source_text(name), end="")
    except ScenarioError as error:
        fail(WRONG_INPUT, str(error))


@app.command("doctor")
def doctor_command(ray_address: RayAddress = None) -> None:
    """Check that the installation works: versions, compiled engine, and one world on two Ray shards."""
    from .doctor import examine

    for name in ("meterstorm", "numba", "numpy", "ray"):
        print(f"{name} {package_version(name)}")
    print(f"python {platform.python_version()}, {os.cpu_count()} cores")
    _join(Place(ray_address), 2, None)
    announce_compilation()
    print(f"compiled code in {jit.CACHE_FOLDER}")
    problems = examine(ray_address)
    for problem in problems:
        fail(INVARIANT, problem)
    print("one world gives the same digest alone and on two Ray shards: all is well")
