"""From the raw data of a file to a scenario: every table by itself, then the rules between their values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from .choices import Resolve, named
from .facts import GIVEN, Facts, UnknownError
from .faults import DEFAULT_KIND, FAULTS, Fault, OfAKind
from .group_settings import drop_unused_files, wrong_policies, wrong_settings
from .named_clients import GROUP_NAMES, known_groups
from .overrides import apply, thaw
from .policy_table import Policies
from .replaced import spelling_now
from .rules import broken_rules
from .schema import LISTS, SECTIONS, Head, Scenario
from .values import Allowed, Table
from .wording import did_you_mean, refuse, show

# Tables of which a world is made, groups left out.
OF_A_WORLD = ("run", "network", "servers", "products", "clients", "workload", "policies", "faults")


class Checked(NamedTuple):
    """A scenario, or None and all that is wrong with its data, one line an error."""

    scenario: Scenario | None
    errors: list[str]


class Parsed(NamedTuple):
    """A table of the file, or None and what is wrong with it; and the values that are right in themselves."""

    table: Any
    errors: list[str]
    facts: Facts


def check(raw: Mapping[str, object], resolve: Resolve, around: Facts | None = None) -> Checked:
    """Check raw data and make a scenario of it; what cases and arms set is not looked into.

    `around` is what is known besides, where the data are a scenario as one of its groups has it.
    """
    errors = [_unknown_key(key, key, Scenario) for key in raw if key not in Scenario.model_fields]
    head = _parse("", Head, {key: raw[key] for key in Head.model_fields if key in raw})
    sections = {name: _parse(name, section, raw.get(name, {})) for name, section in SECTIONS.items()}
    lists = {name: _parse_list(name, raw.get(name, [{}] if name == "products" else [])) for name in LISTS}
    facts = Facts({**(around or {}), **head.facts})
    for name, section in sections.items():
        facts.update({f"{name}.{key}": value for key, value in section.facts.items()})
    facts.update({name: [item.facts for item in items] for name, (items, _) in lists.items()})
    errors += head.errors
    errors += [line for section in sections.values() for line in section.errors]
    errors += [line for _, lines in lists.values() for line in lines]
    errors += broken_rules(facts, resolve)
    of_groups, lines = _of_groups(raw, errors, facts, resolve)
    errors += lines
    if errors:
        return Checked(None, errors)
    tables = dict(head.table) | {name: section.table for name, section in sections.items()}
    tables |= {name: tuple(item.table for item in items) for name, (items, _) in lists.items()}
    # Tables and rules are checked above, so pydantic need not validate again.
    scenario = Scenario.model_construct(None, **tables)
    scenario._of_groups = of_groups
    return Checked(scenario, [])


def _of_groups(
    raw: Mapping[str, object], known: list[str], facts: Facts, resolve: Resolve
) -> tuple[tuple[Scenario, ...], list[str]]:
    """Return the scenario as each group has it (some, if there are errors), and what is wrong with their sets."""
    groups = raw.get("groups", [])
    made: list[Scenario] = []
    errors: list[str] = []
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        settings = group.get("set", {}) if isinstance(group, dict) else None
        if isinstance(settings, dict):
            found = _of_group(raw, settings, facts, resolve)
            errors += [f"groups[{index}].set: {line}" for line in found.errors if line not in known]
            made += [found.scenario] if found.scenario else []
    return tuple(made), errors


def _of_group(
    raw: Mapping[str, object], settings: Mapping[str, object], facts: Facts, resolve: Resolve
) -> Checked:
    """Return the scenario as a group has it."""
    if errors := list(wrong_settings(settings, facts)):
        return Checked(None, errors)
    changed: dict[str, object] = thaw({key: raw[key] for key in (*Head.model_fields, *OF_A_WORLD) if key in raw})
    errors = apply(changed, settings)
    drop_unused_files(changed, facts)
    checked = check(changed, resolve, _around(facts))
    if checked.scenario and "policies.failback" in facts:
        errors += wrong_policies(checked.scenario.policies.failback, facts["policies.failback"], resolve)
    return Checked(checked.scenario, errors + checked.errors)


def _around(facts: Facts) -> Facts:
    """Return what a group's scenario takes from that of all: which groups there are, as far as that is known."""
    try:
        return Facts({GROUP_NAMES: known_groups(facts)})
    except UnknownError:
        return Facts()


def _parse_list(name: str, raw: object) -> tuple[list[Parsed], list[str]]:
    """Return the tables of a list, and all that is wrong with it and with them."""
    if not isinstance(raw, list):
        return [], [refuse(name, raw, f"a list of tables, [[{name}]]")]
    if name == "products" and not raw:
        return [], [refuse(name, raw, "a list of one or more tables, [[products]]")]
    items = [_parse(f"{name}[{i}]", _model(name, item), item) for i, item in enumerate(raw)]
    for item, given in zip(items, raw, strict=True):
        item.facts.update({GIVEN: frozenset(given)} if isinstance(given, Mapping) else {})
    return items, [line for item in items for line in item.errors]


def _model(name: str, item: object) -> type[Table]:
    kind = item.get("kind", DEFAULT_KIND) if name == "faults" and isinstance(item, dict) else None
    return FAULTS.get(kind, Fault) if isinstance(kind, str) else LISTS[name]


def _parse(path: str, model: type[Table], raw: object) -> Parsed:
    if not isinstance(raw, Mapping):
        return Parsed(None, [refuse(path, raw, "a table")], Facts())
    try:
        table = model.model_validate(raw)
        return Parsed(table, [], Facts(table))
    except ValidationError as failure:
        errors = failure.errors()
    # The rules still need the other values, defaults included; examples stand in for required keys.
    wrong = {error["loc"][0] for error in errors}
    examples = {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
    rest = model.model_validate(examples | {key: value for key, value in raw.items() if key not in wrong})
    facts = Facts((key, value) for key, value in rest if key not in wrong)
    return Parsed(None, [_line(path, error, model, raw) for error in errors], facts)


def _line(path: str, error: Any, model: type[Table], raw: Mapping[str, object]) -> str:
    """Word one of pydantic's errors as ours are."""
    key, *indices = error["loc"]
    at = f"{path}.{key}".removeprefix(".") + "".join(f"[{index}]" for index in indices)
    match error["type"]:
        case "refused":
            names = named(key, error["input"]) if model is Policies else ""
            return f"{at}: {error['msg']}{names}"
        case "extra_forbidden":
            now = spelling_now(path, key, raw)
            return _unknown_key(at, key, model) if now is None else f"{at}: no key any more; write {now}"
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
    if issubclass(model, OfAKind) and kinds:
        hint = f' (it belongs to kind = "{kinds[0]}")'
    elif len(elsewhere) == 1:
        hint = f' (did you mean "{elsewhere[0]}"?)'
    return f"{at}: unknown key; allowed: {', '.join(allowed)}{hint}"
