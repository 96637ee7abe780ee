"""meterstorm list, show, schema and validate: what there is to choose from, without starting the engine."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import scenarios
from . import options
from .console import WRONG_INPUT, fail, print_warning
from .options import KB, Arm, Arms, Settings, chosen_arms, overrides_in

if TYPE_CHECKING:
    from ..scenario import Scenario

TOPICS = ("keys", "metrics", "faults", "policies")
LISTS = ("scenarios", "policies")


def list_command(
    what: Annotated[
        str,
        typer.Argument(metavar="scenarios|policies", help="Of which sort.", autocompletion=lambda: list(LISTS)),
    ] = LISTS[0],
) -> None:
    """List the built-in scenarios, and those with a sweep; or the built-in policies by kind."""
    if what not in LISTS:
        fail(WRONG_INPUT, f"{what}: there is no such list; allowed: {', '.join(LISTS)}")
    if what == "policies":
        from . import policies

        print(policies.listed())
        return
    titles, sweeps = scenarios.built_in(), scenarios.sweeps()
    plain = {name: title for name, title in titles.items() if name not in sweeps}
    _print_names(plain | {KB: "all of the above that reproduce a Knowledge Base article"})
    print("\nSweeps (meterstorm sweep NAME):")
    _print_names({name: titles[name] for name in sweeps})


def _print_names(titles: Mapping[str, str]) -> None:
    for name, title in titles.items():
        print(f"{name:20} {title}")


def _names() -> list[str]:
    return [*TOPICS, *scenarios.names()]


def show_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="keys|metrics|faults|policies|NAME",
            help="All of a sort; or a built-in scenario, a key or table, a metric, a kind of fault, a policy, "
            "or one of your own as FILE.py:CLASS.",
            autocompletion=_names,
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the policy, e.g. cap_s=10. Repeatable."),
    ] = None,
) -> None:
    """Print a built-in scenario's file, to copy and change; or what a name in such a file means.

    Of a policy: its law, its parameters, and a plot of its delays.
    Examples: meterstorm show q226827, meterstorm show keys, meterstorm show clients.count, meterstorm show stamina
    """
    given = overrides_in(settings, {}) if settings else {}
    if name in scenarios.names() and not given:
        print(scenarios.text(name), end="")
        return
    found = _policies(name, given) if given else _topic(name) if name in TOPICS else _entries(name)
    if not found:
        fail(WRONG_INPUT, f"--set: {name} is no policy" if given else _unknown(name))
    print("\n\n".join(found))


def _topic(name: str) -> list[str]:
    match name:
        case "keys":
            return list(_all_tables())
        case "metrics":
            return ["\n".join(_metrics())]
        case "faults":
            return [_table("faults"), *_faults()]
    from . import policies

    return list(policies.briefly())


def _entries(name: str) -> list[str]:
    """Return everything that has a name: a key may be called like a kind of fault."""
    from ..scenario import reference
    from ..scenario.faults import KINDS

    if name and name in reference.tables():
        return [_table(name)]
    path = _path(name)
    found = [_key(key) for key in reference.all_keys() if path in (_path(key.path), key.name)]
    found += [line for line in _metrics() if line.split()[0] == name]
    found += [_fault(name)] if name in KINDS else []
    return found or _policies(name, {})  # policies last: they are slow to import


def _policies(name: str, parameters: Mapping[str, object]) -> list[str]:
    """Return what there is to say of a policy with such parameters, or end the command."""
    from . import policies

    try:
        return policies.entries(options.policy(name) or name, parameters)
    except ValueError as error:
        fail(WRONG_INPUT, str(error))


def _path(text: str) -> str:
    """Return the path of a key without the numbers of list items: products[0].licenses is products.licenses."""
    return re.sub(r"\[\d*\]", "", text)


def _unknown(name: str) -> str:
    from ..metrics.names import METRICS
    from ..scenario import reference
    from ..scenario.faults import KINDS
    from ..scenario.replaced import OLD_TABLE, spelling_now
    from ..scenario.wording import did_you_mean
    from . import policies

    keys = [_path(key.path) for key in reference.all_keys()]
    table, _, old = _path(name).rpartition(".")
    if now := spelling_now(table or OLD_TABLE, old, {}):
        return f"{name}: no key any more; write {now}"
    known = [
        *scenarios.names(),
        *TOPICS,
        *filter(None, reference.tables()),
        *keys,
        *METRICS,
        *KINDS,
        *policies.names(),
    ]
    what = f"neither a built-in scenario ({', '.join(scenarios.names())}) nor a key, metric, fault or policy"
    return f"{name}: {what}{did_you_mean(name, known)}"


def _all_tables() -> Iterator[str]:
    from ..scenario import reference

    for name in reference.tables():
        yield _table(name)


def _table(name: str) -> str:
    """Return a table's meaning and its keys."""
    from ..scenario import reference

    head = f"[[{name}]]" if reference.is_list(name) else f"[{name}]"
    meaning = inspect.cleandoc(reference.tables()[name].__doc__ or "")
    lines = [f"{head}  {meaning}"] if name else [meaning]
    return "\n".join(lines + [_key(key) for key in reference.keys(name)])


def _key(key: Any) -> str:
    value = " (required)" if key.is_required else f" = {key.default}" if key.default else ""
    unit = f"{key.unit}; " if key.unit else ""
    return f"{key.path}{value}  ({unit}{key.allowed})\n    {key.meaning}"


def _metrics() -> Iterator[str]:
    from ..metrics.names import VIRTUAL, WALL

    for metric in VIRTUAL + WALL:
        yield f"{metric.name:30} {metric.unit:4} {metric.meaning}"


def _faults() -> Iterator[str]:
    from ..scenario.faults import KINDS

    return map(_fault, KINDS)


def _fault(kind: str) -> str:
    from ..scenario import reference
    from ..scenario.faults import KINDS

    return "\n".join([f'kind = "{kind}"\n    {KINDS[kind]}', *map(_key, reference.keys_of_kind(kind))])


def schema_command() -> None:
    """Print the JSON Schema of a scenario file, for editors (Even Better TOML, taplo)."""
    from ..scenario.json_schema import json_schema

    print(json.dumps(json_schema(), indent=1))


def validate_command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A TOML file, or a built-in scenario.")],
    settings: Settings = None,
    arms: Arms = None,
    arm: Arm = None,
) -> None:
    """Check a scenario, and the files that it names, without running it; exit 2 with all that is wrong."""
    from ..scenario import ScenarioError, counted, load, versions

    try:
        scenario = load(file, overrides_in(settings, {}), chosen_arms(arms, arm))
        _check_files([version.scenario for version in versions(scenario)])
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    sizes = (("case", len(scenario.cases) or 1), ("arm", len(scenario.arms) or 1))
    words = [counted(n, word) for word, n in (*sizes, ("replication", scenario.run.replications))]
    print(f"ok: {' x '.join(words)}")


def _check_files(scenarios: list["Scenario"]) -> None:
    """Read the traces and observed times that scenarios name, with the engine's code; raises ValueError."""
    naming = [
        one for one in scenarios if one.workload.trace or one.workload.run_times or one.workload.launch_intervals
    ]
    if naming:
        from ..runs.warnings import warnings

        for line in warnings(naming):
            print_warning(line)
