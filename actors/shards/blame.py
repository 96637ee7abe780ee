"""What to raise when the loop stops: whose fault it is, the engine's or a user's own policy's."""

from typing import Any

from meterstorm.policies import errors

from ..compiled import questions
from ..compiled.time_limit import NoAnswer
from ..engine import invariants
from ..setup.policies import PolicySet
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
from ..state.world import POLICIES, World

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
        "fail_over, after {value} changes of server since the last message; with every server tried it must be "
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
    policy: Any = getattr(policies, kind).policy
    if not errors.is_own(type(policy)):
        return invariants.violation(world, status)
    view, _, _ = questions.last(kind, _table(world, kind), len(policy))
    answer = text.format(value=int(world.control[0].value), last=int(world.config[0].choices) - 1)
    method = questions.method_of(kind, view)
    return errors.wrong(kind, type(policy), method, f"returned {answer}; it was asked about {view}")


def raised(world: World, policies: PolicySet, error: BaseException) -> Exception:
    """Return what to raise where a compiled policy has raised an exception.

    Which one it was, and in which line, is seen when they are asked again in plain Python.
    """
    own = [kind for kind in POLICIES if errors.is_own(type(getattr(policies, kind).policy))]
    for kind in own:
        if found := _in(kind, getattr(policies, kind).policy, _table(world, kind), error):
            return found
    for kind in own[:1]:  # plain Python answers, where compiled code raises
        policy = getattr(policies, kind).policy
        view, _, _ = questions.last(kind, _table(world, kind), len(policy))
        return errors.raised(kind, type(policy), questions.method_of(kind, view), error)
    return invariants.violation(world, POLICY_RAISED)


def _in(kind: str, policy: Any, table: Any, error: BaseException) -> errors.PolicyError | None:
    """Return what to raise if it was this policy."""
    cls = type(policy)
    method = questions.method_of(kind, questions.last(kind, table, len(policy))[0])
    if errors.lines_in(errors.source_of(cls), error):
        return errors.raised(kind, cls, method, error)
    try:
        questions.ask_again(kind, policy, table)
    except (Exception, SystemExit, NoAnswer) as again:
        return errors.raised(kind, cls, method, again)
    return None


def _table(world: World, kind: str) -> Any:
    return getattr(world, f"{kind}_parameters")
