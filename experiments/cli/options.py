"""The options that commands share: how they are declared, and what their texts mean."""

import os
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from meterstorm.actors.cluster.addresses import host_and_port
from meterstorm.actors.cluster.room import CPU_WAIT_S, PLACEMENTS, parse_resource
from meterstorm.actors.shards.storage import Location, location

from .. import scenarios
from .console import WRONG_INPUT, fail

if TYPE_CHECKING:
    from ..runs.options import Options
    from ..sweeps.options import SweepOptions

AnyOptions = TypeVar("AnyOptions", "Options", "SweepOptions")

KB = "kb"  # the collection of all built-in scenarios that reproduce a Knowledge Base article
UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
REPLICATIONS_MOST = 1000
NO_RESOURCES = "none"
EVERY_S_MIN = 0.1  # writing a checkpoint takes milliseconds


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
        metavar="HOST:PORT|auto", help="Use this Ray cluster; auto: the one of this machine.", callback=_address
    ),
]
PlacementName = Enum("PlacementName", {name: name for name in PLACEMENTS})  # type: ignore[misc]
Placement = Annotated[
    PlacementName | None, typer.Option(help="Nodes for the shards in a cluster: few, many, or one each.")
]
CpuWait = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="How long shards wait for a CPU each in a cluster (30s, 5m, 1h; default: 60s); what goes on then "
        "shares those that are free.",
    ),
]
RayResources = Annotated[
    list[str] | None,
    typer.Option(
        "--ray-resources",
        metavar="NAME=AMOUNT",
        help="Only nodes that have this custom resource of Ray's; each shard or worker takes so much of it. "
        "Repeatable; none: without.",
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE",
        help="A built-in scenario, or a TOML file.",
        autocompletion=scenarios.names,
    ),
]
Processes = Annotated[
    str | None,
    typer.Option(
        "--workers", metavar="N", help="Processes that run worlds; 0: this one; default: every core, if that pays."
    ),
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Do not write report.html into the folder.")]
Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="Show what happens in each world as it runs, here or in real time; without a terminal: nothing.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print summary.json, and nothing else, to stdout.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. clients.count=2000. Repeatable."),
]
Arms = Annotated[str | None, typer.Option("--arms", metavar="none", help="none: without the scenario's arms.")]
Arm = Annotated[
    list[str] | None, typer.Option("--arm", metavar="NAME", help="Only this one of the arms. Repeatable.")
]
Failover = Annotated[str | None, typer.Option(help="Failover policy: a name, or FILE.py:CLASS.")]
Failback = Annotated[str | None, typer.Option(help="Failback policy, likewise.")]
Selection = Annotated[str | None, typer.Option(help="Selection policy, likewise.")]
Admission = Annotated[str | None, typer.Option(help="Admission policy, likewise.")]
Denial = Annotated[str | None, typer.Option(help="Denial policy: what a denied user does, likewise.")]
Balancing = Annotated[str | None, typer.Option(help="Balancing policy, likewise.")]
Intersite = Annotated[str | None, typer.Option(help="Balancing policy between sites, likewise.")]
Seed = Annotated[str | None, typer.Option(metavar="N", help="Root seed of all randomness.")]
Replications = Annotated[str | None, typer.Option(metavar="N", help="Independent replications.")]
Shards = Annotated[
    str | None, typer.Option(metavar="N|auto", help="Ray actors that share each world; 1: in process.")
]
Workers = Annotated[
    str | None,
    typer.Option(metavar="N", help="Ray workers that run whole worlds; 0: none; default: as it pays (kb: 0)."),
]
CheckShards = Annotated[
    str, typer.Option(metavar="N", help="Run first replications again on N shards; compare digests.")
]
Clock = Annotated[str | None, typer.Option(help="'wall': processes and faults are real; 'virtual': simulated.")]
Pace = Annotated[
    str | None, typer.Option(metavar="N", help="With --clock wall: simulated seconds that pass in a real one.")
]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="KEY=VALUES",
        help="An axis: KEY=a,b,c, KEY=low:high:n or KEY=low:high:log n; where points are drawn, KEY=low:high too. "
        "Repeatable.",
    ),
]
Until = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC:WIDTH",
        help="Run more replications until the interval of a metric is this narrow: wait_s_mean:0.1, or "
        "denial_fraction:5% of its mean. Repeatable.",
    ),
]
AtMost = Annotated[
    str | None, typer.Option("--at-most", metavar="N", help="The most replications with --until; default: 1000.")
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="NAME", help="A metric to show. Repeatable.")
]
Journal = Annotated[bool, typer.Option("--journal", help="Keep every event, in journal.parquet: for small runs.")]
Junit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write JUnit XML: a test case for each \\[\\[expect]] of the scenario."),
]
CheckpointEvery = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Save the run's state this often (30s, 5m, 1h): lost processes cost no more than that.",
    ),
]


def folder(text: str | Path) -> Path:
    """Return the folder that an option, or its default, names; raises typer.BadParameter for none."""
    if not str(text).strip():
        raise typer.BadParameter("'' is not allowed; it must name a folder")
    return Path(text)


Folder = Annotated[
    Path | None, typer.Option(parser=folder, metavar="DIR", help="Folder for the results, new or empty.")
]
RunFolder = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|URL",
        help="Folder for the results, new or empty; or a URL in an object store, as s3://BUCKET/PREFIX.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run that is in --out, whole.")]


def location_in(option: str, text: str) -> Location:
    """Return the folder or the URL that an option names, or end the command; raises BadParameter for none."""
    folder(text)
    try:
        return location(text)
    except ValueError as error:
        fail(WRONG_INPUT, f"{option} {error}".strip())


def count(option: str, text: str) -> int:
    """Return the whole number that an option gives, or end the command."""
    if not re.fullmatch("[0-9]{1,9}", text):
        fail(WRONG_INPUT, f"{option} {text}: must be a whole number, 0 or more")
    return int(text)


def at_least_one(option: str, text: str) -> int:
    """Return the number that an option gives, or end the command."""
    found = count(option, text)
    if found == 0:
        fail(WRONG_INPUT, f"{option} 0: must be 1 or more")
    return found


def workers_in(text: str | None) -> int | None:
    """Return the number that --workers gives, None: as it pays; or end the command."""
    return None if text is None else count("--workers", text)


def seconds(option: str, text: str | None) -> float | None:
    """Return the seconds that an option gives, None without it; or end the command."""
    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        fail(WRONG_INPUT, f"{option}: {error}")


def parse_seconds(text: str) -> float:
    """Return the seconds that "30s", "5m", "1h" or a plain number mean; raises ValueError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text.strip())
    found = float(match[1]) * UNITS_S[match[2]] if match else 0.0
    if not EVERY_S_MIN <= found < float("inf"):
        raise ValueError(f"{text!r} is not allowed; it must be at least {EVERY_S_MIN:g}s: as 30s, 5m, 1h, 30 (s)")
    return found


def chosen_arms(arms: str | None, arm: list[str] | None) -> tuple[str, ...] | None:
    """Return the arms to keep, None for all, or end the command."""
    if arms not in (None, "none"):
        fail(WRONG_INPUT, f"--arms {arms}: must be none; --arm NAME keeps the arm of that name")
    if arms is not None and arm:
        fail(WRONG_INPUT, f"--arms {arms}: drops all arms, so --arm {arm[0]} is not allowed beside it")
    if not arms and not arm:
        return None
    return tuple(arm or ())


def placement_in(ray_address: str | None, placement: Enum | None) -> str:
    """Return the placement of shards, or end the command where there is no cluster to place them in."""
    if placement is None:
        return "pack"
    if ray_address is None:
        fail(WRONG_INPUT, f"--placement {placement.value}: only in a cluster; it needs --ray-address")
    return str(placement.value)


def cpu_wait_in(ray_address: str | None, cpu_wait: str | None) -> float:
    """Return how long shards wait for room in a cluster, or end the command, likewise."""
    found = seconds("--cpu-wait", cpu_wait)
    if found is None:
        return CPU_WAIT_S
    if ray_address is None:
        fail(WRONG_INPUT, f"--cpu-wait {cpu_wait}: only in a cluster; it needs --ray-address")
    return found


def resources_in(ray_address: str | None, texts: list[str] | None) -> dict[str, float]:
    """Return how much of each of Ray's custom resources a process takes, or end the command, likewise."""
    found: dict[str, float] = {}
    for text in texts or ():
        if ray_address is None:
            fail(WRONG_INPUT, f"--ray-resources {text}: only in a cluster; it needs --ray-address")
        if texts == [NO_RESOURCES]:
            return {}
        try:
            name, amount = parse_resource(text)
        except ValueError as error:
            fail(WRONG_INPUT, f"--ray-resources: {error}")
        if name in found:
            fail(WRONG_INPUT, f"--ray-resources {text}: {name} is given twice")
        found[name] = amount
    return found


def check_has_shards(shards: int, given: Mapping[str, str | None]) -> None:
    """End the command if an option is given that only shards heed, and there are none."""
    for option, text in given.items():
        if text is not None and shards == 1:
            fail(WRONG_INPUT, f"{option} {text}: only for shards; here each world is run whole (shards = 1)")


def elsewhere(
    options: AnyOptions, ray_address: str | None, resources: list[str] | None, cpu_wait: str | None = None
) -> AnyOptions:
    """Return the options of what goes on, with what it is now to ask of a cluster; or end the command."""
    address = options.ray_address if ray_address is None else ray_address
    given: dict[str, Any] = {
        "ray_address": ray_address,
        "ray_resources": None if resources is None else resources_in(address, resources),
        "cpu_wait_s": None if cpu_wait is None else cpu_wait_in(address, cpu_wait),
    }
    return options._replace(**{name: value for name, value in given.items() if value is not None})


def goals(until: list[str] | None) -> tuple[str, ...]:
    """Return the goals that --until gives, or end the command."""
    from ..analysis.stopping import parse_goal

    return _goals(until, parse_goal)


def goals_of_all(until: list[str] | None) -> tuple[str, ...]:
    """Likewise where they may be of all clients only."""
    from ..analysis.stopping import parse_goal_of_all

    return _goals(until, parse_goal_of_all)


def _goals(until: list[str] | None, parse: Callable[[str], object]) -> tuple[str, ...]:
    try:
        for text in until or ():
            parse(text)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))
    return tuple(until or ())


def most_replications(text: str | None, until: list[str] | None) -> int:
    """Return the most replications with --until, or end the command."""
    if text is None:
        return REPLICATIONS_MOST
    if not until:
        fail(WRONG_INPUT, f"--at-most {text}: only with --until; --replications says how many there are without")
    return count("--at-most", text)


def number(text: str | None) -> object:
    """Return the integer in a text, or the text itself: the scenario's check then says what is allowed."""
    return int(text) if text is not None and re.fullmatch("-?[0-9]{1,30}", text) else text


def overrides_in(settings: list[str] | None, given: Mapping[str, object]) -> dict[str, object]:
    """Return what --set and the options for single keys change, or end the command."""
    from ..scenario import ScenarioError, each_once, parse_override

    try:
        parsed = [parse_override(text) for text in settings or ()]
        return each_once([*parsed, *((key, value) for key, value in given.items() if value is not None)])
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))


def policy(name: str | None) -> str | None:
    """Make the path of a policy given on the command line absolute: it is meant from the current folder."""
    return os.path.abspath(os.path.expanduser(name)) if name and ".py:" in name else name


def refuse_for_collection(given: Mapping[str, object]) -> None:
    """End the command if an option is given that a collection does not take."""
    for option, value in given.items():
        if value:
            words = option if value is True else f"{option} {value}"
            fail(WRONG_INPUT, f"{words}: not for {KB}, a collection; give it to one scenario at a time")
