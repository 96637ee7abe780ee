"""Policies that are other policies with different defaults."""

from collections import namedtuple
from typing import Any


def preset(name: str, of: Any, meaning: str, **defaults: float) -> Any:
    """Return a class of policies that does as another one does, with some defaults and a docstring of its own."""
    values = [(of._field_defaults | defaults)[field] for field in of._fields]
    own = {key: member for key, member in vars(of).items() if not key.startswith("_") and key not in of._fields}
    fields = namedtuple("Parameters", of._fields, defaults=values)  # type: ignore[misc]  # known only here
    return type(name, (fields,), own | {"__doc__": meaning, "__module__": of.__module__})
