"""The versions that a scenario compares: every arm in every case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .check import Checked, check
from .choices import Resolve, resolver
from .overrides import apply, dump, thaw
from .schema import Scenario
from .wording import ScenarioError, show

# Common random numbers: versions are comparable because they share the seed, the times and the replications.
ABOUT_VERSIONS = ("cases", "arms", "compare", "expect", "sweep")  # a version by itself has none of these
SAME_IN_ALL_VERSIONS = ("run", *ABOUT_VERSIONS)


@dataclass(frozen=True, slots=True)
class Version:
    """One arm in one case, and the scenario that it stands for; a name is None where the file has none."""

    case: str | None
    arm: str | None
    scenario: Scenario


def versions(scenario: Scenario) -> list[Version]:
    """Return every arm in every case: cases in file order, and within each the arms in file order.

    Raises ScenarioError when one of them breaks a rule, which `load` and `validate` have found out.
    """
    made, errors = expand(dump(scenario), Checked(scenario, []), resolver())
    if errors:
        raise ScenarioError(errors)
    return made


@dataclass(frozen=True, slots=True)
class Settings:
    """A case or an arm as the file has it."""

    path: str
    name: str | None
    overrides: Mapping[str, object]


def settings_in(raw: Mapping[str, object], table: str) -> list[Settings]:
    """Return the cases or arms of raw data, as far as they are tables."""
    items = raw.get(table)
    return [
        Settings(f"{table}[{index}].set", item.get("name"), item.get("set", {}))
        for index, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("set", {}), dict)
    ]


class _Changed(NamedTuple):
    """The base as some cases or arms change it: raw data, its scenario if it is right, and all errors found."""

    raw: dict[str, Any]
    scenario: Scenario | None
    known: frozenset[str]


def expand(raw: Mapping[str, object], checked: Checked, resolve: Resolve) -> tuple[list[Version], list[str]]:
    """Return the versions of raw data (some, if there are errors), and what is wrong only because of a `set`.

    `checked` is what the data itself is: it is not checked again, and neither is a version that changes nothing.
    """
    base = _base(raw, checked)
    cases, arms = (settings_in(raw, table) or [Settings("", None, {})] for table in ("cases", "arms"))
    made: list[Version] = []
    errors: list[str] = []
    in_cases: dict[str, list[str | None]] = {}
    for case in cases:
        in_case, lines = _vary(base, case, resolve)
        errors += lines
        for arm in arms:
            version, lines = _vary(in_case, arm, resolve)
            if version.scenario is not None:
                made.append(Version(case.name, arm.name, version.scenario))
            for line in lines:
                in_cases.setdefault(line, []).append(case.name)
    for line, names in in_cases.items():
        errors.append(line if len(names) == len(cases) else f"{line} (in case {', '.join(map(show, names))})")
    return made, errors


def _base(raw: Mapping[str, object], checked: Checked) -> _Changed:
    """Return the data without its cases and arms, and what is said of them."""
    rest = {key: value for key, value in raw.items() if key not in ABOUT_VERSIONS}
    none = {key: Scenario.model_fields[key].default for key in ABOUT_VERSIONS}
    alone = checked.scenario and checked.scenario.model_copy(update=none)
    return _Changed(rest, alone, frozenset(checked.errors))


def _vary(base: _Changed, setting: Settings, resolve: Resolve) -> tuple[_Changed, list[str]]:
    """Return the base as changed by a case or arm, and its new errors."""
    if not setting.overrides:
        return base, []
    raw: dict[str, Any] = thaw(base.raw)
    lines = apply(raw, setting.overrides, fixed=SAME_IN_ALL_VERSIONS)
    checked = check(raw, resolve)
    lines += [line for line in checked.errors if line not in base.known]
    changed = _Changed(raw, checked.scenario, base.known | set(checked.errors))
    return changed, [f"{setting.path}: {line}" for line in lines]
