"""What to raise when the loop stops: whether the engine or a user's own policy is at fault."""

from typing import Any

from meterstorm.policies import errors

from ..compiled import questions
from ..compiled.time_limit import NoAnswer
from ..engine import invariants
from ..setup.policies import OF_CLIENTS, PolicySet
from ..state.status import (
    BAD_DECISION,
    BAD_DELAY,
    BAD_PAUSE,
    BAD_PERMISSION,
    BAD_PLAN,
    BAD_PLAN_DELAY,
    BAD_REACTION,
    BAD_ROUND,
    BAD_SELECTION,
    BAD_VERDICT,
    BAD_WAIT,
    POLICY_RAISED,
    STALLED,
)
from ..state.world import World

# Nonsense that a policy may answer: the kind of policy, and what is allowed.
ANSWERED = {
    BAD_DECISION: (
        "failover",
        "an unknown action (value {value}); it must be one of retry, fail_over, go_offline, give_up",
    ),
    BAD_DELAY: ("failover", "a delay that is negative (value: {value} s) or not a number; it must be >= 0 s"),
    BAD_PERMISSION: (
        "failover",
        "an action that is not possible (value {value}); it must be one of send, wait, fail_over, give_up",
    ),
    BAD_WAIT: (
        "failover",
        "a delay that is negative, 0 (value: {value} s) or no number; it must be > 0 s, of fail_over >= 0 s",
    ),
    BAD_ROUND: (
        "failover",
        "fail_over, after {value} changes of server in a row before a request; with every server tried it must be "
        "one of send, wait, give_up",
    ),
    BAD_PLAN: (
        "failback",
        "an unknown action (value {value}); it must be one of stay, ask_first, when_asked, probe, move, choose",
    ),
    BAD_PLAN_DELAY: (
        "failback",
        "a delay that is negative (value: {value} s) or not a number; it must be >= 0 s",
    ),
    BAD_SELECTION: ("selection", "a server that does not exist (value {value}); it must be 0 to {last}"),
    BAD_REACTION: (
        "denial",
        "an action that is not possible (value {value}); it must be one of give_up, ask_again, ask_next where the "
        "class has servers > 1 and no program ran, and await_callback where it has is_called_back = True",
    ),
    BAD_PAUSE: (
        "denial",
        "a delay that is negative, 0 (value: {value} s) or no number; it must be > 0 s, of await_callback >= 0 s",
    ),
    BAD_VERDICT: (
        "admission",
        "a time to come back that is negative (value: {value} s) or not a number; it must be >= 0 s",
    ),
}


def stopped(world: World, policies: PolicySet, status: int) -> Exception:
    """Return what to raise for a status: a ValueError where a scenario or a user's policy is at fault."""
    if status == STALLED:
        return ValueError(invariants.description(world, status))
    if status not in ANSWERED:
        return invariants.violation(world, status)
    kind, text = ANSWERED[status]
    row = _row(world, kind)
    policy: Any = getattr(policies.rows[row], kind).policy
    if not errors.is_own(type(policy)):
        return invariants.violation(world, status)
    view, _, _ = questions.last(kind, _table(world, kind, row), len(policy))
    answer = text.format(value=int(world.control[0].value), last=int(world.config[row].choices) - 1)
    method = questions.method_of(kind, view)
    return errors.wrong(kind, type(policy), method, f"returned {answer}; it was asked about {view}")


def raised(world: World, policies: PolicySet, error: BaseException) -> Exception:
    """Return what to raise where a compiled policy has raised an exception.

    Which one it was, and in which line, is seen when they are asked again in plain Python.
    """
    own = [(kind, row, policy) for (kind, row), policy in policies.compiled() if errors.is_own(type(policy))]
    for kind, row, policy in own:
        if found := _in(kind, policy, _table(world, kind, row), error):
            return found
    # Plain Python answers, where compiled code raises.
    of_file = [one for one in own if errors.lines_in(errors.source_of(type(one[2])), error)]
    for kind, row, policy in of_file or own:
        return errors.raised(kind, type(policy), _method(kind, policy, _table(world, kind, row)), error)
    return invariants.violation(world, POLICY_RAISED)


def _in(kind: str, policy: Any, table: Any, error: BaseException) -> errors.PolicyError | None:
    """Return what to raise if it was this policy: asked again, it fails in the line that is known, if one is."""
    source = errors.source_of(type(policy))
    line = errors.lines_in(source, error)[-1:]
    try:
        questions.ask_again(kind, policy, table)
    except (Exception, SystemExit, NoAnswer) as again:
        if not line or errors.lines_in(source, again)[-1:] == line:
            return errors.raised(kind, type(policy), _method(kind, policy, table), error if line else again)
    return None


def _method(kind: str, policy: Any, table: Any) -> str:
    """Return the method that was asked last."""
    return questions.method_of(kind, questions.last(kind, table, len(policy))[0])


def _row(world: World, kind: str) -> int:
    """Return the row of CONFIG of the agent that has stopped the loop; all servers have one admission policy."""
    return int(world.groups[world.control[0].agent]) if world.groups.size and kind in OF_CLIENTS else 0


def _table(world: World, kind: str, row: int) -> Any:
    """Return the parameters of a policy, and what is kept behind them."""
    table = getattr(world, f"{kind}_parameters")
    if kind not in OF_CLIENTS:
        return table
    begin = int(world.config[row][f"{kind}_at"])
    return table[begin : begin + int(world.config[row][f"{kind}_size"])]
