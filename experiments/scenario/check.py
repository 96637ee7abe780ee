"""Checks the raw data of a scenario file: every table by itself, then the rules between their values."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .rules import Facts, broken_rules
from .schema import DEFAULT_KIND, FAULTS, LISTS, SECTIONS, Allowed, Fault, Head, Scenario, Table
from .wording import did_you_mean, refuse, show


def examine(raw: Mapping[str, object]) -> list[str]:
    """Return what is wrong with raw data, one line an error; what cases and arms set is not looked into."""
    lines = [_unknown_key(key, key, Scenario) for key in raw if key not in Scenario.model_fields]
    found, known = _examine_table("", Head, {key: raw[key] for key in Head.model_fields if key in raw})
    lines += found
    for name, section in SECTIONS.items():
        found, values = _examine_table(name, section, raw.get(name, {}))
        lines += found
        known.update({f"{name}.{key}": value for key, value in values.items()})
    for name in LISTS:
        found, items = _examine_list(name, raw.get(name, [{}] if name == "products" else []))
        lines += found
        known[name] = items
    return lines + list(broken_rules(known))


def _examine_list(name: str, raw: object) -> tuple[list[str], list[Facts]]:
    """Return what is wrong with a list of tables, and for each what is right in it."""
    if not isinstance(raw, list):
        return [refuse(name, raw, f"a list of tables, [[{name}]]")], []
    if name == "products" and not raw:
        return [refuse(name, raw, "a list of one or more tables, [[products]]")], []
    examined = [_examine_table(f"{name}[{i}]", _model(name, item), item) for i, item in enumerate(raw)]
    return [line for lines, _ in examined for line in lines], [values for _, values in examined]


def _model(name: str, item: object) -> type[Table]:
    kind = item.get("kind", DEFAULT_KIND) if name == "faults" and isinstance(item, dict) else None
    return FAULTS.get(kind, Fault) if isinstance(kind, str) else LISTS[name]


def _examine_table(path: str, model: type[Table], raw: object) -> tuple[list[str], Facts]:
    """Return what is wrong with one table, and the values that are right in themselves."""
    if not isinstance(raw, Mapping):
        return [refuse(path, raw, "a table")], Facts()
    try:
        return [], Facts(model.model_validate(raw))
    except ValidationError as failure:
        errors = failure.errors()
    # The other values, defaults included, are still needed: an example stands in for what is required.
    wrong = {error["loc"][0] for error in errors}
    examples = {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
    rest = model.model_validate(examples | {key: value for key, value in raw.items() if key not in wrong})
    lines = [_line(path, error, model) for error in errors]
    return lines, Facts((key, value) for key, value in rest if key not in wrong)


def _line(path: str, error: Any, model: type[Table]) -> str:
    """Word one of pydantic's errors as ours are."""
    key, *indices = error["loc"]
    at = f"{path}.{key}".removeprefix(".") + "".join(f"[{index}]" for index in indices)
    match error["type"]:
        case "refused":
            return f"{at}: {error['msg']}"
        case "extra_forbidden":
            return _unknown_key(at, key, model)
        case "missing":
            return _missing_key(at, key, model)
        case "tuple_type":
            return refuse(at, error["input"], "a list")
    return f"{at}: {show(error['input'])} is not allowed; {error['msg']}"


def _missing_key(at: str, key: str, model: type[Table]) -> str:
    field = model.model_fields[key]
    words = next(mark.words for mark in field.metadata if isinstance(mark, Allowed))
    example = (field.examples or [""])[0]
    return f"{at}: missing; it must be {words}, for example {show(example)}"


def _unknown_key(at: str, key: str, model: type[Table]) -> str:
    allowed = sorted(model.model_fields)
    hint = did_you_mean(key, allowed)
    elsewhere = [f"{name}.{key}" for name, section in SECTIONS.items() if key in section.model_fields]
    kinds = [kind for kind, fault in FAULTS.items() if key in fault.model_fields]
    if issubclass(model, Fault) and kinds:
        hint = f' (it belongs to kind = "{kinds[0]}")'
    elif len(elsewhere) == 1:
        hint = f' (did you mean "{elsewhere[0]}"?)'
    return f"{at}: unknown key; allowed: {', '.join(allowed)}{hint}"
