"""Reading scenario files and writing them."""

import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w
from meterstorm.actors.setup.files import DATA

from .. import scenarios
from . import arms as arms_and_cases
from .axes import wrong_axes
from .check import check
from .choices import resolver
from .overrides import dump, thaw
from .schema import Scenario
from .versions import Version, expand
from .wording import ScenarioError, did_you_mean

NOTHING: Mapping[str, object] = MappingProxyType({})


def source_text(name: str) -> str:
    """Return the file of a built-in scenario."""
    if name not in scenarios.names():
        raise ScenarioError([_no_such_scenario(name)])
    return scenarios.text(name)


def load(
    source: str | Path, overrides: Mapping[str, object] = NOTHING, arms: Collection[str] | None = None
) -> Scenario:
    """Return the scenario of a built-in name or a file, with overrides applied (`apply` has their rules).

    `arms` are the names of those to keep; None: all. A key such as `arms.NAME.clients.count` sets one arm's.

    Raises ScenarioError with everything that is wrong with the file, its overrides and its versions, and for an
    override that some version would not see.
    """
    text, folder = _read(source)
    try:
        raw = tomllib.loads(text)
        errors = arms_and_cases.override(raw, overrides, arms)
        _anchor_data(raw, folder)
        _anchor_axes(raw.get("sweep"), folder)
        _anchor_policies(raw, folder)
        return _build(raw, errors)[0]
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([f"{source}: not a TOML file: {error}"]) from None
    except RecursionError:
        raise ScenarioError([f"{source}: tables or lists are nested too deep"]) from None


def validate(raw: Mapping[str, object]) -> Scenario:
    """Return the scenario of raw data, as of a parsed file; ScenarioError tells all that is wrong with it."""
    return _build(thaw(raw), [])[0]


def changed(scenario: Scenario, overrides: Mapping[str, object], arms: Collection[str] | None = None) -> Scenario:
    """Return a scenario with overrides applied and some arms kept, as `load` does; paths are from this folder."""
    raw = dump(scenario)
    errors = arms_and_cases.override(raw, overrides, arms)
    _anchor_data(raw, Path.cwd())
    _anchor_policies(raw, Path.cwd())
    return _build(raw, errors)[0]


def varied(scenario: Scenario, settings: Mapping[str, object]) -> list[Version]:
    """Return the versions of a scenario with some keys set, as overrides set them; raises ScenarioError."""
    raw = dump(scenario)
    del raw["sweep"]
    return _build(raw, arms_and_cases.override(raw, settings, None))[1]


def to_toml(scenario: Scenario) -> str:
    """Return a scenario as a TOML file that gives every key; it loads back to an equal value."""
    return tomli_w.dumps(dump(scenario))


def _build(raw: dict[str, Any], errors: list[str]) -> tuple[Scenario, list[Version]]:
    resolve = resolver()
    checked = check(raw, resolve)
    made, wrong = expand(raw, checked, resolve)
    errors = errors + checked.errors + wrong
    if checked.scenario is not None:
        errors += wrong_axes(checked.scenario.sweep)
    if errors or checked.scenario is None:
        raise ScenarioError(errors)
    return checked.scenario, made


def _no_such_scenario(name: str) -> str:
    names = scenarios.names()
    return f"{name}: neither a built-in scenario ({', '.join(names)}) nor a file{did_you_mean(name, names)}"


def _read(source: str | Path) -> tuple[str, Path]:
    """Return the text of a scenario and the folder that its paths start from."""
    if isinstance(source, str) and source in scenarios.names():
        return source_text(source), Path.cwd()
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8-sig"), path.parent
    except FileNotFoundError:
        is_name = path.name == source and not path.suffix
        reason = _no_such_scenario(path.name) if is_name else f"{source}: no such file"
    except IsADirectoryError:
        reason = f"{source}: a folder, not a scenario file"
    except UnicodeDecodeError as error:
        reason = f"{source}: not a TOML file: not UTF-8 text (byte {error.start})"
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}"
    raise ScenarioError([reason])


def _anchor_data(raw: dict[str, Any], folder: Path) -> None:
    """Make the paths of files of data absolute: the scenario may be written and loaded again elsewhere."""
    settings = [item.get("set") for name in ("cases", "arms") for item in _tables(raw.get(name))]
    for table in [raw, *settings]:
        if isinstance(table, dict):
            _anchor_all([table], folder, "workload.")
            _anchor_all([table.get("workload")], folder)


def _anchor_axes(sweep: object, folder: Path) -> None:
    """Make the paths of data that a sweep varies absolute, likewise."""
    vary = sweep.get("vary") if isinstance(sweep, dict) else None
    if not isinstance(vary, dict):
        return
    for key, values in vary.items():
        name = key.rpartition("workload.")[2]
        if isinstance(values, list) and name in DATA and key.endswith(f"workload.{name}"):
            tables = [{name: value} for value in values]
            _anchor_all(tables, folder)
            vary[key] = [table[name] for table in tables]
        elif isinstance(values, list) and key.endswith("workload"):
            _anchor_all(values, folder)


def _anchor_all(tables: list[Any], folder: Path, prefix: str = "") -> None:
    for table in tables:
        for key in DATA:
            _anchor(table, prefix + key, folder)


def _anchor(table: object, key: str, folder: Path) -> None:
    if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
        table[key] = os.path.abspath(folder / table[key])


def _anchor_policies(table: object, folder: Path) -> None:
    """Make the paths of users' own policies (`mine.py:MyPolicy`) absolute, for the same reason."""
    if isinstance(table, list):
        for item in table:
            _anchor_policies(item, folder)
    elif isinstance(table, dict):
        for key, value in table.items():
            if key.split(".")[-1] == "name" and _is_own(value):
                table[key] = _absolute(value, folder)
            elif isinstance(value, list) and key.split(".")[-1] == "name":
                table[key] = [_absolute(item, folder) if _is_own(item) else item for item in value]
            else:
                _anchor_policies(value, folder)


def _is_own(name: object) -> bool:
    return isinstance(name, str) and ".py:" in name


def _absolute(path: str, folder: Path) -> str:
    return os.path.abspath(folder / os.path.expanduser(path))


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
