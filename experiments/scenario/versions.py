"""The versions that a scenario compares: every arm in every case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .check import examine
from .overrides import apply, dump, thaw
from .schema import Scenario
from .wording import ScenarioError, show

# Common random numbers: versions are comparable because they share the seed, the times and the replications.
SAME_IN_ALL_VERSIONS = ("run", "cases", "arms")


@dataclass(frozen=True, slots=True)
class Version:
    """One arm in one case, and the scenario that it stands for; a name is None where the file has none."""

    case: str | None
    arm: str | None
    scenario: Scenario


def versions(scenario: Scenario) -> list[Version]:
    """Return every arm in every case: cases in file order, and within each the arms in file order."""
    made, errors = expand(dump(scenario))
    if errors:
        raise ScenarioError(errors)
    return [Version(case, arm, Scenario.model_validate(raw)) for case, arm, raw in made]


@dataclass(frozen=True, slots=True)
class _Setting:
    """A case or an arm as the file has it."""

    path: str
    name: str | None
    overrides: Mapping[str, object]


def _settings(raw: Mapping[str, object], table: str) -> list[_Setting]:
    """Return the cases or arms of raw data, or one that has no name and sets nothing."""
    items = raw.get(table)
    found = [
        _Setting(f"{table}[{index}].set", item.get("name"), item.get("set", {}))
        for index, item in enumerate(items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("set", {}), dict)
    ]
    return found or [_Setting("", None, {})]


def expand(
    raw: Mapping[str, object],
) -> tuple[list[tuple[str | None, str | None, dict[str, Any]]], list[str]]:
    """Return the raw data of every version by case and arm, and what is wrong only because of their `set`."""
    base = {key: value for key, value in raw.items() if key not in ("cases", "arms")}
    known = set(examine(base))
    cases, arms = _settings(raw, "cases"), _settings(raw, "arms")
    made: list[tuple[str | None, str | None, dict[str, Any]]] = []
    errors: list[str] = []
    in_cases: dict[str, list[str | None]] = {}
    for case in cases:
        changed, lines = _vary(base, case, known)
        errors += lines
        wrong = known | set(examine(changed)) if lines else known
        for arm in arms:
            version, lines = _vary(changed, arm, wrong)
            made.append((case.name, arm.name, version))
            for line in lines:
                in_cases.setdefault(line, []).append(case.name)
    for line, names in in_cases.items():
        errors.append(line if len(names) == len(cases) else f"{line} (in case {', '.join(map(show, names))})")
    return made, errors


def _vary(base: dict[str, Any], setting: _Setting, known: set[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the base as changed by a case or arm, and its new errors."""
    raw: dict[str, Any] = thaw(base)
    lines = apply(raw, setting.overrides, fixed=SAME_IN_ALL_VERSIONS)
    lines += [line for line in examine(raw) if line not in known]
    return raw, [f"{setting.path}: {line}" for line in lines]
