"""What the schema says of each key, for those who read it: `meterstorm show` and the README of this room."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from .faults import FAULTS, Fault
from .overrides import thaw
from .schema import LISTS, SECTIONS, Head
from .values import Allowed, Table
from .wording import show


class Key(NamedTuple):
    """A key of a scenario file."""

    path: str  # clients.count; products[].licenses in a list of tables
    allowed: str  # what it takes, in words
    unit: str  # "": none
    default: str  # as TOML; "": no default
    is_required: bool
    meaning: str

    @property
    def name(self) -> str:
        """The key without its table."""
        return self.path.split(".")[-1]


def tables() -> dict[str, type[Table]]:
    """Return every table of a file by its name, "" for the keys above the first one."""
    return {"": Head} | SECTIONS | LISTS


def is_list(name: str) -> bool:
    """Whether a file may have several of these tables."""
    return name in LISTS


def keys(name: str) -> list[Key]:
    """Return the keys of a table; of faults, those of every kind."""
    found = list(_keys(f"{name}[]" if is_list(name) else name, tables()[name].model_fields))
    return found + list(_keys_of_kinds()) if name == "faults" else found


def all_keys() -> list[Key]:
    """Return every key of a scenario file, in order."""
    return [key for name in tables() for key in keys(name)]


def keys_of_kind(kind: str) -> list[Key]:
    """Return the keys that only faults of a kind have."""
    own = {name: field for name, field in FAULTS[kind].model_fields.items() if name not in Fault.model_fields}
    return list(_keys("faults[]", own))


def _keys_of_kinds() -> Iterator[Key]:
    for kind in FAULTS:
        for key in keys_of_kind(kind):
            yield key._replace(meaning=f"{key.meaning} Only with kind = {show(kind)}.")


def _keys(path: str, fields: Mapping[str, FieldInfo]) -> Iterator[Key]:
    for name, field in fields.items():
        takes = _allowed(field)
        yield Key(
            f"{path}.{name}".removeprefix("."),
            takes.words,
            takes.unit,
            "" if field.is_required() or field.default is None else show(_plain(field.default)),
            field.is_required(),
            field.description or "",
        )


def _allowed(field: FieldInfo) -> Allowed:
    """Return what a field takes; an optional one says it within."""
    marks = [mark for mark in field.metadata if isinstance(mark, Allowed)]
    inner = [mark for part in get_args(field.annotation) for mark in _marks(part)]
    return (marks + inner)[0]


def _marks(annotation: Any) -> list[Allowed]:
    if get_origin(annotation) is not Annotated:
        return []
    return [mark for mark in get_args(annotation) if isinstance(mark, Allowed)]


def _plain(value: Any) -> Any:
    return thaw(value.model_dump() if isinstance(value, Table) else value)
