"""Whether a user's policy keeps its promise: the same answer to the same question, compiled or not."""

import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from meterstorm.actors.compiled import policies as compiled_policies
from meterstorm.actors.compiled import questions
from meterstorm.actors.compiled.time_limit import NoAnswer
from meterstorm.actors.shards.balancing import targets_of
from meterstorm.policies import (
    OVERLOADED,
    REFUSED,
    TIMED_OUT,
    Arrival,
    Choice,
    Denied,
    Link,
    Place,
    Report,
    errors,
)
from meterstorm.policies.admission import DEQUEUED, asks_at_dequeue
from meterstorm.policies.failover import HOOKS, FullJitter
from meterstorm.policies.registry import METHOD, WRAPPER
from meterstorm.policies.selection import ANSWERED, is_told
from meterstorm.policies.wrapping import wrap

# Powers and logarithms are not rounded alike by every library.
TOLERANCE = 1e-12


def check(kind: str, policy: Any, count: int) -> None:
    """Ask a policy `count` drawn questions twice; raises PolicyError for the first answer that is not the same."""
    numbers = random.Random(1)
    if kind == WRAPPER:
        kind, policy = "failover", wrap(FullJitter(), [policy])
    if kind not in compiled_policies.SIGNATURES:
        _check_targets(kind, policy, (_report(numbers) for _ in range(count)))
        return
    compiled = compiled_policies.compile_policy(kind, policy)
    memory = np.zeros(0)
    for _ in range(count):
        view = _view(kind, policy, numbers)
        size = questions.memory_size(kind, policy, view)
        if size != len(memory) or numbers.random() < 0.2:  # as a good answer does
            memory = np.zeros(size)
        memory = _check_answer(kind, compiled, view, memory, numbers.random())


def _check_answer(kind: str, compiled: Any, view: Any, memory: Any, u: float) -> Any:
    """Ask one question in three ways; return the memory after it."""
    policy = compiled.policy
    cls: Any = type(policy)
    method = questions.method_of(kind, view)
    first, second, third = memory.copy(), memory.copy(), memory.copy()
    try:
        one = compiled_policies.ask(kind, compiled, view, first, u)
        two = compiled_policies.ask(kind, compiled, view, second, u)
        plain = questions.ask(kind, policy, view, third, u)
    except (Exception, SystemExit, NoAnswer) as error:
        again = _raised(kind, policy, view, memory, u)
        raise errors.raised(kind, cls, method, again if type(again) is type(error) else error) from error
    asked = f"asked about {view}, u={u}"
    if _numbers(one, first) != _numbers(two, second):
        raise errors.wrong(kind, cls, method, f"answers {one}, then {two}, when {asked}")
    if not np.allclose(_numbers(one, first), _numbers(plain, third), rtol=TOLERANCE, atol=0.0, equal_nan=True):
        text = f"answers {one} compiled, {plain} in plain Python, when {asked}"
        raise errors.wrong(kind, cls, method, text)
    return first


def _raised(kind: str, policy: Any, view: Any, memory: Any, u: float) -> BaseException | None:
    """Return what a policy raises in plain Python, which knows the line."""
    try:
        questions.ask(kind, policy, view, memory.copy(), u)
    except (Exception, SystemExit, NoAnswer) as error:
        return error
    return None


def _numbers(answer: Any, memory: Any) -> list[float]:
    return [*(answer if isinstance(answer, tuple) else (answer,)), *memory.tolist()]


def _check_targets(kind: str, policy: Any, reports: Iterator[Report]) -> None:
    for report in reports:
        copies: list[list[Any]] = [[part.copy() for part in report] for _ in range(2)]
        one, two = (targets_of(policy, kind, Report(*copy)) for copy in copies)
        if (one != two).any():
            text = f"answers {one.tolist()}, then {two.tolist()}, when asked about {report}"
            raise errors.wrong(kind, type(policy), METHOD[kind], text)


def _view(kind: str, policy: Any, numbers: random.Random) -> Any:
    def whole(first: int, end: int) -> int:
        """Draw an integer below `end`; often the first one, where most policies have a border."""
        return first if numbers.random() < 0.2 else numbers.randrange(first, end)

    now_s = numbers.uniform(0.0, 1e6)
    if kind == "failover":
        wait_s = numbers.choice((0.0, numbers.uniform(0.0, 600.0)))
        counts = whole(1, 21), whole(1, 21), whole(0, 21), whole(1, 17), whole(0, 4)
        happens = [TIMED_OUT, REFUSED, OVERLOADED, *(k for k, hook in HOOKS.items() if hasattr(policy, hook))]
        spans_s = numbers.uniform(0.0, 3600.0), numbers.uniform(0.0, 5.0)
        places = whole(0, counts[3]), whole(0, counts[3])
        heard = whole(-1, 200), whole(-1, 200)
        return Link(now_s, numbers.choice(happens), wait_s, *counts, whole(0, 2), *spans_s, *places, *heard)
    if kind == "admission":
        arrival = Arrival(now_s, whole(0, 200), whole(0, 2), whole(0, 200), service_s=numbers.uniform(0.0, 1.0))
        arrival = arrival._replace(
            has_lease=whole(0, 2), up_s=numbers.choice((math.inf, numbers.uniform(0.0, 600.0)))
        )
        if asks_at_dequeue(type(policy)) and numbers.random() < 0.5:
            return arrival._replace(busy=0, kind=DEQUEUED, waited_s=numbers.uniform(0.0, 60.0))
        return arrival
    servers = whole(1, 17)
    if kind == "failback":
        return Place(now_s, whole(0, 10_000), whole(0, servers), whole(0, servers), servers, whole(0, 21))
    if kind == "denial":
        waited_s, pause = numbers.uniform(0.0, 600.0), numbers.expovariate(1.0)
        return Denied(now_s, waited_s, pause, whole(1, 21), whole(1, servers + 1), servers, whole(0, 2))
    choice = Choice(whole(0, 10_000), whole(0, servers), whole(0, servers), whole(0, 21), servers, now_s=now_s)
    if is_told(type(policy)) and numbers.random() < 0.5:
        return choice._replace(kind=ANSWERED, waiting=whole(0, 200), is_denial=whole(0, 2))
    return choice


def _report(numbers: random.Random) -> Report:
    drawn = np.random.default_rng(numbers.getrandbits(32))
    shape = (numbers.randrange(1, 9), numbers.randrange(1, 4))
    leased = drawn.integers(0, 50, shape)
    answered = drawn.random(shape[0]) < 0.8
    return Report(
        answered,
        leased + drawn.integers(0, 50, shape),
        leased,
        drawn.integers(0, 99, shape),
        drawn.integers(0, 9, shape[1]),
    )
