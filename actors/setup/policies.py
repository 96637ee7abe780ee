"""The scenario's policies, resolved and compiled."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from meterstorm.policies import admission, errors, imports, registry, selection, wrapping
from meterstorm.policies.denial import Callback, GiveUp
from meterstorm.policies.failover import TOLD

from ..compiled import questions
from ..compiled.policies import Compiled, compile_policy
from ..state.world import POLICIES
from .groups import FIRST_ROW
from .scenario import Scenario, choices

OF_CLIENTS = tuple(kind for kind in POLICIES if kind != "admission")  # which groups may differ in


class PolicySet(NamedTuple):
    """The scenario's policies: compiled, and those of balancing as they are."""

    failover: Compiled
    failback: Compiled
    selection: Compiled
    admission: Compiled
    denial: Compiled
    balancing: Any
    intersite: Any
    memory_size: int  # of the failover policy, for a client; likewise:
    selection_memory: int
    of_groups: tuple["PolicySet", ...] = ()

    @property
    def rows(self) -> tuple["PolicySet", ...]:
        """The policies by row of CONFIG; where there are groups, row 0 and the rest have the scenario's own."""
        return (self,) * (self.first_row + 1) + self.of_groups

    @property
    def first_row(self) -> int:
        """The row of CONFIG of the clients of no group."""
        return FIRST_ROW if self.of_groups else 0

    def has(self, name: str) -> bool:
        """Whether a property holds for the policies of some client."""
        return any(getattr(chosen, name) for chosen in self.rows)

    @property
    def are_built_in(self) -> bool:
        """Whether the compiled ones are this package's, which raise nothing."""
        return not any(errors.is_own(type(policy)) for _, policy in self.compiled())

    def compiled(self) -> Iterator[tuple[tuple[str, int], Any]]:
        """Yield each compiled policy, with its kind and its row of CONFIG."""
        yield ("admission", 0), self.admission.policy
        for row, chosen in enumerate(self.rows[self.first_row :], self.first_row):
            yield from (((kind, row), getattr(chosen, kind).policy) for kind in OF_CLIENTS)

    def calls(self, kind: str) -> tuple[Any, ...]:
        """Return what the engine calls of a kind, by row of CONFIG."""
        return tuple(getattr(chosen, kind).call for chosen in self.rows)

    def tables(self, kind: str) -> list[Any]:
        """Return the parameters of a kind's policies, by row of CONFIG; servers have one admission policy."""
        return [chosen.table(kind) for chosen in (self.rows if kind in OF_CLIENTS else [self])]

    def places(self) -> list[dict[str, int]]:
        """Return where each row's parameters begin in the tables of the clients' kinds, and how many there are."""
        found: list[dict[str, int]] = [{} for _ in self.rows]
        for kind in OF_CLIENTS:
            lengths = [len(table) for table in self.tables(kind)]
            for row, (length, end) in enumerate(zip(lengths, accumulate(lengths), strict=True)):
                found[row] |= {f"{kind}_at": end - length, f"{kind}_size": length}
        return found

    def table(self, kind: str) -> Any:
        """Return the parameters of a compiled policy; with room for a question behind those of a user's own."""
        chosen = getattr(self, kind)
        if not errors.is_own(type(chosen.policy)):
            return chosen.parameters
        memory = {
            "failover": self.memory_size,
            "selection": self.selection_memory,
            "admission": self.server_memory,
        }
        return questions.with_room(chosen.parameters, kind, memory.get(kind, 0))

    @property
    def server_memory(self) -> int:
        """How many numbers the admission policy keeps for each server."""
        return int(getattr(self.admission.policy, "memory_size", 0))

    @property
    def drops(self) -> bool:
        """Whether the admission policy is asked about requests whose service would begin."""
        return admission.asks_at_dequeue(type(self.admission.policy))

    @property
    def lifo_after_s(self) -> float:
        """How long a server's queue must not have been empty for the newest to go first; inf: they never do."""
        return admission.lifo_after_s(self.admission.policy)

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
    def tells(self) -> bool:
        """Whether answers tell of queues and free licenses: to a selection policy, or one of a user's own."""
        failover: Any = type(self.failover.policy)
        return self.selection_memory > 0 or imports.may_read(failover, TOLD)

    @property
    def asks_policy(self) -> bool:
        """Whether the denial policy is asked; else users just give up when they are denied."""
        return not isinstance(self.denial.policy, GiveUp) or self.asks_next

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
        return bool(getattr(self.denial.policy, "servers", 1) > 1) or self.asked_before > 0

    @property
    def asked_before(self) -> float:
        """Return how many servers a launch asks for no callback before it asks one for a callback."""
        return float(getattr(self.denial.policy, "asked_before", 0)) if self.calls_back else 0.0


def compile_policies(scenario: Scenario) -> PolicySet:
    """Resolve and compile a scenario's policies; raises ValueError when one cannot be compiled."""
    return _compiled(scenario)._replace(of_groups=tuple(map(_compiled, scenario.of_groups)))


def _compiled(scenario: Scenario) -> PolicySet:
    chosen = {kind: registry.resolve(kind, choice.name, choice.parameters) for kind, choice in scenario.policies}
    return PolicySet(
        compile_policy("failover", chosen["failover"]),
        compile_policy("failback", chosen["failback"]),
        compile_policy("selection", chosen["selection"]),
        compile_policy("admission", chosen["admission"]),
        compile_policy("denial", chosen["denial"]),
        chosen["balancing"],
        chosen["intersite"],
        *remembered(scenario, chosen["failover"], chosen["selection"]),
    )


def remembered(scenario: Scenario, failover: Any, chosen: Any) -> tuple[int, int]:
    """Return how many numbers a failover and a selection policy remember for a client."""
    return int(getattr(failover, "memory_size", 0)), selection.memory_size(chosen, choices(scenario))
