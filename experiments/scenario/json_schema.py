"""The JSON Schema of a scenario file, for editors: keys, defaults, bounds and meanings as the file is typed.

It knows less than `meterstorm validate`, which also checks the rules between values.
"""

from typing import Any

from meterstorm.policies.registry import ALL, WITHIN, WRAPPER

from ..metrics.names import METRICS, METRICS_OF_GROUPS
from .schema import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    schema = Scenario.model_json_schema()
    tables = schema["$defs"]
    for kind, policy in tables["Policies"]["properties"].items():
        policy["properties"] = {"name": _policy_name(kind)} | _within(kind)
    tables["Case"]["properties"]["metric"]["enum"] = list(METRICS)
    of_groups = {"pattern": rf"^groups\..+\.({'|'.join(METRICS_OF_GROUPS)})$"}
    for judged in (
        tables["Expect"]["properties"]["metric"],
        _list_of(tables["Compare"]["properties"]["metrics"])["items"],
    ):
        judged["anyOf"] = [{"enum": list(METRICS)}, of_groups]
    return {"$schema": DIALECT, **schema, "title": "Meterstorm scenario"}


def _list_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return of a schema with several forms that of a list."""
    found: dict[str, Any] = next(form for form in schema["anyOf"] if form.get("type") == "array")
    return found


def _within(kind: str) -> dict[str, Any]:
    """Return what the schema says of a failover policy's wrappers."""
    if kind != "failover":
        return {}
    wrapper = {"type": "object", "properties": {"name": _policy_name(WRAPPER)}, "required": ["name"]}
    return {WITHIN: {"type": "array", "items": wrapper, "description": "Wrappers, the innermost first."}}


def _policy_name(kind: str) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(ALL[kind])}, {"pattern": r"\.py:", "description": "FILE.py:CLASS"}]}
