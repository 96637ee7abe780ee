"""The scenario's policies, resolved and compiled."""

from typing import Any, NamedTuple

from meterstorm.policies import registry

from ..compiled.policies import Compiled, compile_admission, compile_failover, compile_selection
from .scenario import Scenario


class PolicySet(NamedTuple):
    """The scenario's policies: three compiled, and those of balancing as they are."""

    failover: Compiled
    selection: Compiled
    admission: Compiled
    balancing: Any
    intersite: Any
    memory_size: int

    @property
    def is_shared(self) -> bool:
        """Whether all servers of a site draw on one pool."""
        return bool(getattr(self.balancing, "is_shared", False))


def compile_policies(scenario: Scenario) -> PolicySet:
    """Resolve and compile a scenario's policies; raises ValueError when one cannot be compiled."""
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return PolicySet(
        compile_failover(chosen["failover"]),
        compile_selection(chosen["selection"]),
        compile_admission(chosen["admission"]),
        chosen["balancing"],
        chosen["intersite"],
        int(getattr(chosen["failover"], "memory_size", 0)),
    )
