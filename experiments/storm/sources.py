"""The scenarios of the benchmark, and what is run of each: a sweep whose arms are the policies."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ..scenario import Scenario, ScenarioError, load
from ..scenario.axes import axes
from ..scenario.files import changed
from ..scenario.wording import did_you_mean, show
from ..sweeps.points import Plan, check, plan
from .roster import Roster

REPLICATIONS, REPLICATIONS_QUICK = 20, 4
ELSEWHERE = ("lease-collapse",)  # built-in scenarios that are storms, too
ARM = re.compile(r"arms\[(\d+)\]\.set: (.*)", re.DOTALL)  # how an error begins that is about one


class Source(NamedTuple):
    """A scenario of the benchmark: its name, which is that of its folder, and its file or built-in name."""

    name: str
    source: str


class Choice(NamedTuple):
    """What is run of each scenario: all points that its file varies, or the first only; how often; which seed."""

    is_quick: bool
    replications: int
    seed: int | None = None  # None: that of the file


def built_in() -> list[Source]:
    """Return the benchmark's own scenarios, in order of their names."""
    folder = Path(str(resources.files(f"{__package__}.scenarios")))
    own = [Source(file.stem, str(file)) for file in folder.glob("*.toml")]
    return sorted([*own, *(Source(name, name) for name in ELSEWHERE)])


def chosen(texts: Sequence[str]) -> list[Source]:
    """Return the scenarios with these names, or in these files, all built-in ones for none; raises ValueError."""
    known = {source.name: source for source in built_in()}
    found = [known.get(text) or _file(text, list(known)) for text in texts]
    names = [source.name for source in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(
            f"{show(twice[0])}: {names.count(twice[0])} scenarios have that name; each has a folder of it"
        )
    return found or list(known.values())


def _file(text: str, known: Sequence[str]) -> Source:
    path = Path(text)
    if not path.is_file():
        what = f"neither a scenario of the benchmark ({', '.join(known)}) nor a file"
        raise ValueError(f"{text}: {what}{did_you_mean(text, known)}")
    return Source(path.stem, text)


class Planned(NamedTuple):
    """The sweep of a scenario, and the policies that it cannot have, each with the reason."""

    plan: Plan
    left_out: Mapping[str, str]


def planned(source: Source, roster: Roster, choice: Choice) -> Planned:
    """Return the sweep of a scenario with the policies as its arms; raises ScenarioError and ValueError.

    Arms and expectations of its own are left out, as the policies take their place, and so is a policy that breaks
    a rule of the scenario, as one that goes back to a server where there is no other.
    """
    try:
        return Planned(_plan(source, roster.arms, choice), {})
    except ScenarioError as error:
        left_out = _left_out(roster, error.errors)
        arms = [arm for arm in roster.arms if arm["name"] not in left_out]
        if not left_out or roster.oracle.name in left_out or len(arms) < 2:
            raise ScenarioError([f"{source.name}: {line}" for line in error.errors]) from None
    return Planned(_plan(source, arms, choice), left_out)


def _left_out(roster: Roster, errors: Sequence[str]) -> dict[str, str]:
    """Return the policies that errors are about, with their words; none if some are about the scenario itself."""
    about = [ARM.match(line) for line in errors]
    found = {roster.arms[int(match[1])]["name"]: match[2] for match in about if match}
    return found if all(about) else {}


def _plan(source: Source, arms: Sequence[Mapping[str, Any]], choice: Choice) -> Plan:
    overrides: dict[str, Any] = {
        "arms": arms,
        "expect": [],
        "compare.baseline": arms[1]["name"],
        "run.replications": choice.replications,
    }
    base = load(source.source, overrides | ({} if choice.seed is None else {"run.seed": choice.seed}))
    made = plan(changed(base, {"sweep.vary": _varied(base, choice), "sweep.design": "grid", "sweep.samples": 0}))
    check(made)
    return made


def _varied(base: Scenario, choice: Choice) -> Mapping[str, Any]:
    """Return the axes of a scenario; without any its seed is one, of a single value."""
    vary = base.sweep.vary or {"run.seed": [base.run.seed]}
    if not choice.is_quick:
        return vary
    return {axis.key: [axis.values[0] if axis.values else axis.at(0.0)] for axis in axes(base.sweep)} or vary
