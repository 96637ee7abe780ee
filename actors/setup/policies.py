"""The scenario's policies, resolved and compiled."""

from typing import Any, NamedTuple

from meterstorm.policies import errors, registry, wrapping
from meterstorm.policies.denial import Callback, GiveUp

from ..compiled import questions
from ..compiled.policies import Compiled, compile_policy
from ..state.world import POLICIES
from .scenario import Scenario


class PolicySet(NamedTuple):
    """The scenario's policies: compiled, and those of balancing as they are."""

    failover: Compiled
    failback: Compiled
    selection: Compiled
    admission: Compiled
    denial: Compiled
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

    @property
    def _hooks(self) -> set[str]:
        return wrapping.hooks_of(wrapping.layers_of(type(self.failover.policy)))

    @property
    def asks_first(self) -> bool:
        """Whether the failover policy is asked before each request."""
        return "before_request" in self._hooks

    @property
    def is_told(self) -> bool:
        """Whether the failover policy is told of good answers; else they make it forget."""
        return "on_success" in self._hooks

    @property
    def hears(self) -> bool:
        """Whether the failover policy may ask for more than any built-in one that has one hook only."""
        return self.asks_first or self.is_told or errors.is_own(type(self.failover.policy))

    @property
    def gives_up(self) -> bool:
        """Whether users just give up when they are denied, so that the denial policy is not asked."""
        return isinstance(self.denial.policy, GiveUp) and not self.asks_next

    @property
    def calls_back(self) -> bool:
        """Whether users may wait to be called back."""
        return bool(getattr(self.denial.policy, "is_called_back", False))

    @property
    def draws_pauses(self) -> bool:
        """Whether a denial uses up one of its client's draws; who just awaits a callback needs none."""
        return not isinstance(self.denial.policy, Callback)

    @property
    def asks_next(self) -> bool:
        """Whether a client that is denied may ask the next server."""
        return bool(getattr(self.denial.policy, "servers", 1) > 1)


def compile_policies(scenario: Scenario) -> PolicySet:
    """Resolve and compile a scenario's policies; raises ValueError when one cannot be compiled."""
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return PolicySet(
        compile_policy("failover", chosen["failover"]),
        compile_policy("failback", chosen["failback"]),
        compile_policy("selection", chosen["selection"]),
        compile_policy("admission", chosen["admission"]),
        compile_policy("denial", chosen["denial"]),
        chosen["balancing"],
        chosen["intersite"],
        int(getattr(chosen["failover"], "memory_size", 0)),
    )
