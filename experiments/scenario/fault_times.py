"""Keys of a fault's times that another one makes meaningless: none is given in vain."""

from collections.abc import Iterator, Mapping
from typing import Any

from .wording import refuse, show

Facts = Mapping[str, Any]  # of rules.py

GIVEN = "given"  # of the facts of an item of a list: the keys that the file has of it, defaults left out


def no_key_is_in_vain(path: str, fault: Facts, _: Facts) -> Iterator[str]:
    """Yield an error for each key that has no effect beside the others."""
    mttr_s, repeat_s, repeats, servers = (fault[key] for key in ("mttr_s", "repeat_s", "repeats", "servers"))
    if mttr_s > 0 and "duration_s" in fault[GIVEN]:
        words = f"left out while mttr_s, the mean of the duration, is {show(mttr_s)}"
        yield refuse(f"{path}.duration_s", fault["duration_s"], words)
    if repeats > 1 and repeat_s == 0:
        yield refuse(f"{path}.repeats", repeats, "1 while repeat_s, the time from start to start, is 0.0")
    if repeat_s > 0 and "repeats" not in fault[GIVEN]:
        yield f"{path}.repeats: missing; with repeat_s = {show(repeat_s)} it must be an integer >= 1"
    if fault["stagger_s"] > 0 and isinstance(servers, tuple) and len(servers) == 1:
        yield refuse(f"{path}.stagger_s", fault["stagger_s"], f"0 while servers = {show(servers)} is one server")
