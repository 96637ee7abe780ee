"""Policies in the terminal: a list of them, and one with its law, its parameters and a plot of its delays."""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from meterstorm.policies import errors, registry, wrapping
from meterstorm.policies.failover import FullJitter

NO_PARAMETERS = "no parameters"
UNITS = {"_per_s": "1/s", "_s": "s"}  # by the ends of names
WITHIN = "full-jitter"  # what a wrapper is shown around
BAR = 30  # characters


def names() -> set[str]:
    """Return the names of all built-in policies, of all kinds."""
    return {name for policies in registry.ALL.values() for name in policies}


def listed() -> str:
    """Return all built-in policies by kind, a line each: the name, and what it does."""
    return "\n\n".join(
        "\n".join([f"{kind}:", *(f"  {name:20} {_in_short(policy)}" for name, policy in policies.items())])
        for kind, policies in registry.ALL.items()
    )


def briefly() -> Iterator[str]:
    """Yield every built-in policy with its parameters and the first line of what it says of itself."""
    for kind, policies in registry.ALL.items():
        for name, cls in policies.items():
            yield "\n".join([_heading(kind, name, cls), f"    {_first_line(cls)}", f"    {_source(cls)}"])


def entries(name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return all there is to say about the policies with a name, or your own as FILE.py:CLASS.

    Raises ValueError for an impossible parameter, or if a policy of your own fails.
    """
    if ":" in name:
        return [_entry(registry.kind_of(name), name, parameters)]
    return [_entry(kind, name, parameters) for kind, policies in registry.ALL.items() if name in policies]


def _entry(kind: str, name: str, parameters: Mapping[str, Any]) -> str:
    cls = registry.class_of(kind, name)
    meaning = inspect.cleandoc(cls.__doc__ or "").splitlines()
    parts = [[_heading(kind, name, cls), *_indented(*meaning, _source(cls))], list(_parameters(cls, parameters))]
    if parameters or set(cls._fields) == set(cls._field_defaults):
        parts.append(list(_delays(kind, name, parameters)))
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _heading(kind: str, name: str, cls: Any) -> str:
    defaults = cls._field_defaults
    fields = [f"{field} = {defaults[field]:g}" if field in defaults else field for field in cls._fields]
    return f"{kind}  {name}  ({', '.join(fields) or NO_PARAMETERS})"


def _source(cls: Any) -> str:
    if errors.is_own(cls):
        return f"{errors.source_of(cls)}: {cls.__name__}"
    return f"{cls.__module__.removeprefix('meterstorm.').replace('.', '/')}.py: {cls.__name__}"


def _first_line(cls: Any) -> str:
    return inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]


def _in_short(cls: Any) -> str:
    """Return the first paragraph of what a policy says of itself, on one line."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _indented(*lines: str) -> list[str]:
    return [f"    {line}".rstrip() for line in lines]


def _parameters(cls: Any, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each parameter: its name, its value and its unit."""
    defaults = cls._field_defaults
    for field in cls._fields:
        value = given.get(field, defaults.get(field))
        shown = "required" if value is None else f"= {value:g}" if isinstance(value, int | float) else f"= {value}"
        default = (
            f"  (default {cls._field_defaults[field]:g})"
            if field in given and field in cls._field_defaults
            else ""
        )
        yield f"    {field:20} {shown} {unit(field)}".rstrip() + default


def unit(parameter: str) -> str:
    """Return the unit of a parameter, which its name tells; empty of a count, a share or a ratio."""
    return next((unit for end, unit in UNITS.items() if f"_{parameter}".endswith(end)), "")


def _delays(kind: str, name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table and a plot of a policy's delays, if it pauses at all; around a policy, if it is a wrapper."""
    policy = registry.resolve(kind, name, parameters)
    around = ""
    if kind == registry.WRAPPER:
        kind, around, policy = "failover", f" around {WITHIN}", wrapping.wrap(FullJitter(), [policy])
    if kind not in _SCENES:
        return
    walks = _walks(kind, policy)
    if not any(pause.delay_s > 0 for walk in walks for pause in walk):
        return
    from meterstorm.policies import pauses

    yield f"Delays{around} while {_SCENES[kind]}, where u is always {', '.join(f'{u:g}' for u in pauses.DRAWS)}:"
    yield ""
    yield from _table(walks)


_SCENES = {
    "failover": "no server answers within 1 s",
    "denial": "all is denied",
    "failback": "the preferred server is away",
}


def _walks(kind: str, policy: Any) -> list[list[Any]]:
    """Return a policy's pauses for low, middling and high draws; raises PolicyError where it fails."""
    from meterstorm.policies import pauses  # it loads numpy

    cls: Any = type(policy)
    try:
        walks = [pauses.pauses(kind, policy, u) for u in pauses.DRAWS]
    except (Exception, SystemExit) as error:
        raise errors.raised(kind, cls, registry.METHOD[kind], error) from error
    for pause in (pause for walk in walks for pause in walk if not pause.delay_s >= 0):
        raise errors.wrong(kind, cls, registry.METHOD[kind], f"answers {pause.decision} after {pause.delay_s} s")
    return walks


def _table(walks: Sequence[Sequence[Any]]) -> Iterator[str]:
    longest_s = max((p.delay_s for walk in walks for p in walk if p.delay_s < math.inf), default=0.0)
    for n, row in enumerate(zip_longest(*walks), 1):
        decisions = " or ".join(dict.fromkeys(pause.decision for pause in row if pause))
        delays = [pause.delay_s for pause in row if pause]
        columns = " ".join(f"{_seconds(pause.delay_s) if pause else '':>9}" for pause in row)
        yield f"{n:>3}  {decisions:20} {columns}  {_bar(delays, longest_s)}".rstrip()


def _seconds(delay_s: float) -> str:
    return f"{delay_s:,.0f} s" if delay_s >= 100 else f"{delay_s:.3g} s"


def _bar(delays: Sequence[float], longest_s: float) -> str:
    """Return a line from the shortest delay to the longest, with a point at the one in the middle."""
    if longest_s == 0.0 or not any(delays):
        return ""
    places = [round(min(1.0, delay_s / longest_s) * BAR) for delay_s in sorted(delays)]
    low, middle, high = places[0], places[len(places) // 2], places[-1]
    return " " * low + "─" * (middle - low) + "•" + "─" * (high - middle)
