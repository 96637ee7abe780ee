"""Overrides where there are arms, cases and groups: arms to keep, keys of one of them, and keys that these hide.

`arms.NAME.KEY` is a key in the `set` of one arm, `cases.NAME.KEY` and `groups.NAME.KEY` likewise; a name may be in
double quotes. `groups.NAME.share` and `groups.NAME.count` say how many clients a group has.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .overrides import DEFAULTS, Setting, Way, apply, path_of, spread
from .versions import settings_in
from .wording import did_you_mean, show

WORDS = {"arms": "arm", "cases": "case", "groups": "group"}
NAMED = re.compile(r"(arms|cases|groups)\.(?!\d+(?:[.[]|$))(.*)", re.DOTALL)  # arms.0 is the first, as arms[0]
SIZES = ("share", "count")  # of a group: one of them is given


def override(raw: dict[str, Any], overrides: Mapping[str, object], arms: Collection[str] | None) -> list[str]:
    """Set every override in the raw data of a file, and keep only some arms; return what is wrong.

    An override that some version would not see, since its case or arm sets the key itself, is an error. What is
    expected of an arm that is not kept goes with it.
    """
    own = {key: value for key, value in overrides.items() if not NAMED.match(key)}
    errors = apply(raw, own)
    before = _names(raw, "arms")
    errors += _keep(raw, arms)
    if gone := [name for name in before if name not in _names(raw, "arms")]:
        _forget(raw, gone, {path_of(way) for way, _ in spread(own)[0]})
    errors += _hidden(raw, own, ("cases", "arms"))
    # As in `apply`: the general before the particular, and a policy's name before its parameters.
    for key in sorted(overrides.keys() - own.keys(), key=lambda key: (key.count("."), not key.endswith(".name"))):
        errors += _set_inside(raw, key, overrides[key])
    return errors


def _keep(raw: dict[str, Any], arms: Collection[str] | None) -> list[str]:
    """Keep the arms with these names, or all if None."""
    if arms is None:
        return []
    names = _names(raw, "arms")
    if not isinstance(raw.get("arms", []), list):  # told by the check
        return []
    raw["arms"] = [arm for arm in raw.get("arms", []) if isinstance(arm, dict) and arm.get("name") in arms]
    return [_unknown("arms", name, names) for name in arms if name not in names]


def _forget(raw: dict[str, Any], gone: list[str], given: Collection[str]) -> None:
    """Leave out what is about arms that are gone; where no two are left, what is about their differences, too."""
    are_compared = len(_names(raw, "arms")) > 1
    if isinstance(raw.get("expect"), list):
        raw["expect"] = [item for item in raw["expect"] if not _is_about(item, gone, are_compared)]
    if isinstance(raw.get("compare"), dict) and not are_compared and "compare.baseline" not in given:
        raw["compare"].pop("baseline", None)


def _is_about(expect: object, gone: list[str], are_compared: bool) -> bool:
    """Whether an expectation is about an arm that is gone, or about a difference between arms that is."""
    if not isinstance(expect, dict):
        return False
    return expect.get("arm") in gone or (expect.get("on") == "difference" and not are_compared)


def _names(raw: Mapping[str, object], table: str) -> list[str]:
    return [item.name for item in settings_in(raw, table) if isinstance(item.name, str)]


def _unknown(table: str, name: str, names: list[str]) -> str:
    known = f"the {table} are {', '.join(map(show, names))}" if names else f"the scenario has no {table}"
    return f"{table}.{name}: there is no such {WORDS[table]}; {known}{did_you_mean(name, names)}"


def _set_inside(raw: dict[str, Any], path: str, value: object) -> list[str]:
    """Set a key in one arm or case; it replaces what that sets at the key and below."""
    table, name, key = _split(raw, path)
    if not key:
        return [_unknown(table, name, _names(raw, table))]
    index = next(k for k, item in enumerate(raw[table]) if isinstance(item, dict) and item.get("name") == name)
    item = raw[table][index]
    if table == "groups" and key in SIZES:
        for size in SIZES:
            item.pop(size, None)
        item[key] = value
        return [*_hidden(raw, {f"groups[{index}].{key}": value}, ("cases", "arms"), path)]
    before, _ = spread(next(item.overrides for item in settings_in(raw, table) if item.name == name))
    new, errors = spread({key: value})
    kept = [setting for setting in before if not any(_replaces(setting, other, before) for other in new)]
    item["set"] = {path_of(way): what for way, what in [*kept, *new]}
    if table == "groups":
        hidden = _hidden(raw, {f"groups[{index}].set": value}, ("cases", "arms"), path)
    else:
        hidden = _hidden(raw, {key: value}, ("arms",) if table == "cases" else (), path)
    return [*(f"{path}: {error}" for error in errors), *hidden]


def _split(raw: Mapping[str, object], path: str) -> tuple[str, str, str]:
    """Return the table, the name and the key of `arms.NAME.KEY`; a name may have dots. No key: no such name."""
    table, rest = NAMED.fullmatch(path).groups()  # type: ignore[union-attr]
    for name in sorted(_names(raw, table), key=len, reverse=True):
        for written in (name, f'"{name}"'):
            if rest.startswith(f"{written}."):
                return table, name, rest.removeprefix(f"{written}.")
    return table, rest.split(".")[0], ""


def _replaces(old: Setting, new: Setting, before: list[Setting]) -> bool:
    """Whether a new setting voids an old one: the same key or one below, or a parameter of another policy."""
    (old_way, _), (way, value) = old, new
    if old_way[: len(way)] == way:
        return True
    names_another = _is_name(way) and dict(before).get(way, value) != value
    return names_another and len(old_way) > 2 and old_way[:2] == way[:2]


def _is_name(way: Way) -> bool:
    return way[0] == "policies" and way[2:] == ("name",)


def _hidden(
    raw: Mapping[str, object], given: Mapping[str, object], tables: tuple[str, ...], path: str = ""
) -> Iterator[str]:
    """Yield an error for each override given that an arm or a case of the tables hides."""
    for way, value in spread(given)[0]:
        hiding = [
            (table, item.name, path_of(other))
            for table in tables
            for item in settings_in(raw, table)
            for other, what in spread(item.overrides)[0]
            if _hides(raw, other, what, way)
        ]
        if hiding:
            yield _not_seen(path or path_of(way), path_of(way), value, hiding)


def _hides(raw: Mapping[str, Any], other: Way, value: object, way: Way) -> bool:
    """Whether a version that sets one key does not see another, or not all of it."""
    shorter = min(len(other), len(way))
    if other[:shorter] == way[:shorter]:
        return True
    return _is_name(other) and other[:2] == way[:2] and _policy(raw, str(other[1])) != value


def _policy(raw: Mapping[str, Any], kind: str) -> object:
    """Return the name of the scenario's own policy of a kind."""
    for policies in (raw.get("policies"), DEFAULTS["policies"]):
        chosen = policies.get(kind) if isinstance(policies, Mapping) else None
        if isinstance(chosen, Mapping):
            return chosen.get("name")
    return None


def _not_seen(path: str, key: str, value: object, hiding: list[tuple[str, str | None, str]]) -> str:
    who = dict.fromkeys(f"{WORDS[table]} {show(name)} (sets {other})" for table, name, other in hiding)
    ways = ["--arms none drops all arms, --arm NAME keeps only those named"] * any(t == "arms" for t, *_ in hiding)
    ways += {table: f"--set '{table}.{name}.{key}=...' sets it in one" for table, name, _ in hiding[::-1]}.values()
    return f"{path}: {show(value)} would not be seen in {', '.join(who)}; {', '.join(ways)}"
