"""The policies that are compared: arms by name, from a file, and a user's own as one more."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.policies.registry import ALL, WRAPPER, kind_of

from ..scenario.wording import did_you_mean, show

AROUND = {"name": "full-jitter"}  # what a wrapper that is one more policy goes around


class Entry(NamedTuple):
    """A policy of the benchmark: its name, and what it sets, as a scenario's arm."""

    name: str
    settings: Mapping[str, Any]


class Roster(NamedTuple):
    """The oracle, which is not a rival, and the policies in order: what is swept, whichever is the baseline."""

    oracle: Entry
    rivals: tuple[Entry, ...]

    @property
    def arms(self) -> list[dict[str, Any]]:
        """All of them, as the arms of a scenario."""
        return [{"name": entry.name, "set": entry.settings} for entry in (self.oracle, *self.rivals)]


def read(file: Path | None = None) -> Roster:
    """Return the roster of a file, or the built-in one; raises ValueError for what is none.

    Paths of policies in it start from its folder.
    """
    place, folder = file or resources.files(__package__) / "policies.toml", file.parent if file else Path.cwd()
    try:
        raw = tomllib.loads(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{place}: cannot be read: {error}") from None
    entries = [_entry(place, folder, item) for item in _tables(place, raw)]
    if len(entries) < 2:
        raise ValueError(f"{place}: {len(entries)} policies; there must be an oracle, and at least one more")
    return _each_once(Roster(entries[0], tuple(entries[1:])))


def _tables(place: Any, raw: Mapping[str, Any]) -> Sequence[Any]:
    if other := [key for key in raw if key != "policies"]:
        raise ValueError(f"{place}: {show(other[0])} is not allowed; it has [[policies]] only")
    found = raw.get("policies", [])
    return found if isinstance(found, list) else [found]


def _entry(place: Any, folder: Path, item: Any) -> Entry:
    is_right = (
        isinstance(item, Mapping) and isinstance(item.get("name"), str) and not item.keys() - {"name", "set"}
    )
    if not is_right or not isinstance(item.get("set", {}), Mapping):
        raise ValueError(
            f"{place}: policies: {show(item)} is not allowed; each has a name, and what it sets in `set`"
        )
    return Entry(item["name"], _anchored(item.get("set", {}), folder))


def _anchored(value: Any, folder: Path) -> Any:
    """Make the paths of policies absolute, wherever they are in a value."""
    if isinstance(value, Mapping):
        return {key: _anchored(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_anchored(item, folder) for item in value]
    is_own = isinstance(value, str) and ".py:" in value
    return os.path.abspath(folder / os.path.expanduser(value)) if is_own else value


def with_more(roster: Roster, names: Sequence[str]) -> Roster:
    """Return a roster with more policies, each built in or FILE.py:CLASS; raises ValueError as `resolve` does."""
    return _each_once(roster._replace(rivals=(*roster.rivals, *map(one, names))))


def one(name: str) -> Entry:
    """Return a policy as an entry of its own: the scenario's settings, except for the policy of that kind.

    Its name is that of the policy, or of the user's class.
    """
    kind = kind_of(name) if ":" in name else _kind_of_built_in(name)
    own, called = {"name": _anchored(name, Path.cwd())}, name.rpartition(":")[2]
    if kind == WRAPPER:
        return Entry(called, {"policies.failover": {**AROUND, "within": [own]}})
    return Entry(called, {f"policies.{kind}": own})


def _kind_of_built_in(name: str) -> str:
    kinds = [kind for kind, policies in ALL.items() if name in policies]
    if len(kinds) > 1:
        raise ValueError(
            f"policy {show(name)}: is one of {' and of '.join(kinds)}; a file of policies can say which"
        )
    if kinds:
        return kinds[0]
    known = [known for policies in ALL.values() for known in policies]
    raise ValueError(f"no policy {show(name)}; `meterstorm show policies` has all{did_you_mean(name, known)}")


def baseline(roster: Roster, name: str | None) -> str:
    """Return the policy that the others are compared with, by default the first; raises ValueError if unknown."""
    names = [entry.name for entry in roster.rivals]
    if name is not None and name not in names:
        known = f"the policies are {', '.join(map(show, names))}"
        raise ValueError(f"{show(name)} is not one of them; {known}{did_you_mean(name, names)}")
    return names[0] if name is None else name


def _each_once(roster: Roster) -> Roster:
    names = [arm["name"] for arm in roster.arms]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"policy {show(twice[0])}: given {names.count(twice[0])} times; a name may come once")
    return roster
