"""The scenario's policies, resolved and compiled."""

from typing import Any, NamedTuple

from meterstorm.policies import errors, registry

from ..compiled import questions
from ..compiled.policies import Compiled, compile_policy
from ..state.world import POLICIES
from .scenario import Scenario


class PolicySet(NamedTuple):
    """The scenario's policies: four compiled, and those of balancing as they are."""

    failover: Compiled
    failback: Compiled
    selection: Compiled
    admission: Compiled
    balancing: Any
    intersite: Any
    memory_size: int

    @property
    def are_built_in(self) -> bool:
        """Whether the compiled ones are this package's, which raise nothing."""
        return not any(errors.is_own(type(getattr(self, kind).policy)) for kind in POLICIES)

    def table(self, kind: str) -> Any:
        """Return the parameters of a compiled policy; with room for a question behind those of a user's own."""
        chosen = getattr(self, kind)
        if not errors.is_own(type(chosen.policy)):
            return chosen.parameters
        return questions.with_room(chosen.parameters, kind, self.memory_size if kind == "failover" else 0)

    @property
    def is_shared(self) -> bool:
        """Whether all servers of a site draw on one pool."""
        return bool(getattr(self.balancing, "is_shared", False))

    @property
    def drain_share(self) -> float:
        """Return the share of the clients in excess that a server asks to move each second; 0: servers do not."""
        return float(getattr(self.failback.policy, "drain_share", 0.0))


def compile_policies(scenario: Scenario) -> PolicySet:
    """Resolve and compile a scenario's policies; raises ValueError when one cannot be compiled."""
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return PolicySet(
        compile_policy("failover", chosen["failover"]),
        compile_policy("failback", chosen["failback"]),
        compile_policy("selection", chosen["selection"]),
        compile_policy("admission", chosen["admission"]),
        chosen["balancing"],
        chosen["intersite"],
        int(getattr(chosen["failover"], "memory_size", 0)),
    )
