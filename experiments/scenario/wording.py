"""How a scenario that cannot be used is refused: the error, and its words."""

import difflib
import json
from collections.abc import Iterable, Mapping

from ..metrics.names import METRICS, METRICS_OF_GROUPS, Named


class ScenarioError(Exception):
    """A scenario that cannot be used; `errors` holds everything that is wrong with it, one line each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = [line.replace("\n", "\\n") for line in dict.fromkeys(errors)]
        super().__init__(self.errors)

    def __str__(self) -> str:
        return "\n".join(self.errors)


def show(value: object) -> str:
    """Return a value as its user wrote it in TOML, cut off when it is long."""
    text = in_toml(value)
    return text if len(text) <= 100 else text[:80] + " ..."


def in_toml(value: object) -> str:
    """Return a value in TOML, whole."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(in_toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {in_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"{'-' * (value < 0)}an integer of more than 20 digits"  # str() refuses very long ones
    return str(value)


def refuse(path: str, value: object, words: str) -> str:
    """Return the error line for a value that is not allowed."""
    return f"{path}: {show(value)} is not allowed; it must be {words}"


def one_of(values: Iterable[object]) -> str:
    """Return `"a", "b" or "c"`."""
    *most, last = map(show, values)
    return ", ".join(most) + " or " * bool(most) + last


def counted(number: int, word: str) -> str:
    """Return `1 world`, `2 worlds`, `1,000 worlds`."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def unknown_metric(name: str) -> str:
    """Return in words that a name is not a metric's."""
    return f"{name} is not a metric{did_you_mean(name, METRICS)}; meterstorm show metrics lists them"


def metric_of_one_of(groups: Iterable[str], group: str) -> str:
    """Return in words what a metric must be that names a group which there is not."""
    return f"a metric of a group that has clients, groups.NAME.METRIC, with {a_name_of('one', group, groups)}"


def metric_of_groups(found: Named) -> str:
    """Return in words what a metric of a group must be where groups have none of that name."""
    near = did_you_mean(str(found), (str(Named(metric, found.group)) for metric in METRICS_OF_GROUPS))
    return f"a metric that groups of clients have{near or ': ' + ', '.join(METRICS_OF_GROUPS)}"


def a_name_of(what: str, name: str, names: Iterable[str]) -> str:
    """Return in words what a name must be, which names exist, and the one nearest to it."""
    known = list(names)
    return f"the name of {what}: {', '.join(map(show, known)) or 'there is none'}{did_you_mean(name, known)}"


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean "...")` with the nearest of the allowed words, or nothing if none is near."""
    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.5)
    return f' (did you mean "{close[0]}"?)' if close else ""
