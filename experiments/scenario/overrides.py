"""Overrides: single values of a scenario set by their dotted keys, before it is validated."""

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from .schema import SECTIONS, Scenario
from .wording import ScenarioError, show

Way = tuple[str | int, ...]
Setting = tuple[Way, object]

KEY_AND_VALUE = re.compile(r'((?:"[^"]*"|[^="])+)=(.*)', re.DOTALL)  # names in quotes may have an equals sign


def parse_override(text: str) -> tuple[str, object]:
    """Return key and value of `key=value`; the value is TOML, or else taken as a string without quotes."""
    match = KEY_AND_VALUE.fullmatch(text)
    key, value = (part.strip() for part in match.groups()) if match else ("", "")
    if not key:
        raise ScenarioError([f"{show(text)} is not an override; write key=value, like run.seed=2"])
    try:
        parsed = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if value[:1] in ("[", "{", '"', "'"):  # no plain word starts like this, so it is broken TOML
            raise ScenarioError([f"{key}: {value} is not a TOML value ({error})"]) from None
        return key, value
    return (key, parsed["value"]) if len(parsed) == 1 else (key, value)


def each_once(given: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return overrides by key; raises ScenarioError for a key given twice, be it within a table."""
    pairs = list(given)
    times = Counter(leaf for key, value in pairs for leaf in leaves(key, value))
    twice = [leaf for leaf, count in times.items() if count > 1]
    if twice:
        raise ScenarioError(f"{leaf}: given {times[leaf]} times; a key may be set once" for leaf in twice)
    return dict(pairs)


def plain(key: str) -> str:
    """Return a key with one spelling: products.0.name for products[0].name."""
    return re.sub(r"\[(\d+)\]", r".\1", key).replace('"', "")


def leaves(key: str, value: object) -> Iterator[str]:
    """Yield the single keys that a value sets, in one spelling: those of a table, each by itself."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, Mapping) else ()
    inside = [leaf for name, item in items for leaf in leaves(f"{key}.{name}", item)]
    yield from inside or [plain(key)]


def thaw(value: Any) -> Any:
    """Return a deep copy made of dicts and lists only."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value


def dump(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as the raw data of a file that gives every key."""
    raw: dict[str, Any] = thaw(scenario.model_dump(exclude_none=True))
    return raw


def apply(raw: dict[str, Any], overrides: Mapping[str, object], fixed: Collection[str] = ()) -> list[str]:
    """Set every override in the raw data of a file; return what is wrong with their keys.

    The general comes before the particular, and a policy's name before its parameters, so that the order
    in which overrides are given does not matter. A table given for a whole section, or for a policy but
    without a name, changes only the keys that it has. Tables named in `fixed` must not be changed.
    """
    settings, errors = spread(overrides)
    settings.sort(key=lambda setting: (len(setting[0]), setting[0][-1] != "name"))
    for way, value in settings:
        errors += _frozen(way, value) if way[0] in fixed else _put(raw, way, thaw(value))
    return errors


def spread(overrides: Mapping[str, object]) -> tuple[list[Setting], list[str]]:
    """Return single settings, and what is wrong with the keys: a table for a section sets each of its keys."""
    settings: list[Setting] = []
    errors: list[str] = []
    for key, value in overrides.items():
        try:
            settings += _spread(_way(key), value)
        except ScenarioError as error:
            errors += error.errors
    return settings, errors


def _way(key: str) -> Way:
    steps = re.sub(r"\[(\d+)\]", r".\1", key).split(".")
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,60}", step) for step in steps):
        raise ScenarioError([f"{key}: not a key; write it like run.seed or products[0].licenses"])
    return tuple(int(step) if re.fullmatch("[0-9]+", step) else step for step in steps)


def path_of(way: Way) -> str:
    """Return a key as errors write it: `products[0].licenses`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way).removeprefix(".")


def _spread(way: Way, value: object) -> Iterator[Setting]:
    is_section = len(way) == 1 and way[0] in SECTIONS
    is_nameless_policy = (
        len(way) == 2 and way[0] == "policies" and isinstance(value, Mapping) and "name" not in value
    )
    if isinstance(value, Mapping) and (is_section or is_nameless_policy):
        for key, item in value.items():
            yield from _spread((*way, *_way(key)), item)
    else:
        yield way, value


def _frozen(way: Way, value: object) -> list[str]:
    path = f"{path_of(way)}: {show(value)} is not allowed"
    if way[0] in ("cases", "arms"):
        return [f"{path}; cases and arms do not nest"]
    words = f"{way[0]} is about all of them"
    if way[0] == "run":
        keys = ", ".join(SECTIONS["run"].model_fields)
        words = f"all versions share one [run] ({keys}), else they would not meet the same random numbers"
    return [f"{path}; cases and arms may not change it: {words}"]


def _put(raw: dict[str, Any], way: Way, value: object) -> list[str]:
    here: Any = raw
    default: Any = DEFAULTS
    for depth, step in enumerate(way):
        if not _has_room(here, step):
            what = f"a list of {len(here)}" if isinstance(here, list) else show(here)
            return [f"{path_of(way)}: no such place; {path_of(way[:depth]) or 'a scenario'} is {what}"]
        if depth < len(way) - 1:
            default = default.get(step) if isinstance(default, dict) else None
            if isinstance(here, dict) and step not in here:
                here[step] = {} if default is None else thaw(default)
            here = here[step]
    if way[0] == "policies" and way[2:] == ("name",) and here.get("name") != value:
        here.clear()  # the parameters are those of the old policy
    here[way[-1]] = value
    return []


def _has_room(here: object, step: str | int) -> bool:
    if isinstance(here, list):
        return isinstance(step, int) and step < len(here)
    return isinstance(here, dict) and isinstance(step, str)


DEFAULTS = dump(Scenario.model_construct(title="defaults"))  # defaults need no check
