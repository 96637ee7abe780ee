"""Scenario files: reading, checking, overriding and writing them, and the versions that they compare."""

from ..scenarios import built_in
from .faults import ClientCrash, Cut, Fault, Lossy, Outage, Slow
from .files import load, source_text, to_toml, validate
from .judgements import Compare, Expect
from .overrides import each_once, parse_override
from .policy_table import Choice, Policies
from .products import Product
from .schema import (
    Arm,
    Case,
    Clients,
    Network,
    Run,
    Scenario,
    Sweep,
    Workload,
    replications,
)
from .servers import Servers
from .values import Fraction
from .versions import Version, versions
from .wording import ScenarioError, counted, one_of

__all__ = [
    "Arm",
    "Case",
    "Choice",
    "ClientCrash",
    "Clients",
    "Compare",
    "Cut",
    "Expect",
    "Fault",
    "Fraction",
    "Lossy",
    "Network",
    "Outage",
    "Policies",
    "Product",
    "Run",
    "Scenario",
    "ScenarioError",
    "Servers",
    "Slow",
    "Sweep",
    "Version",
    "Workload",
    "built_in",
    "counted",
    "each_once",
    "load",
    "one_of",
    "parse_override",
    "replications",
    "source_text",
    "to_toml",
    "validate",
    "versions",
]
