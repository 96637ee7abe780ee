"""The script of leases in Redis, held against plain Python that follows the contract of actors/README.md."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterstorm.actors.wall.redis_leases import RedisLeases, Step
from meterstorm.actors.wall.redis_process import KEEPS, RedisProcess

from support.walled import needs_redis

pytestmark = needs_redis

FREE = (6, 3)
AFTER = 30  # leases not heard of for this long are reclaimed


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    process = RedisProcess(str(tmp_path_factory.mktemp("r", numbered=True)), 0, KEEPS[False])
    process.start()
    process.wait()
    found = RedisLeases(process.socket)
    yield found
    found.close()
    process.close()


class Books:
    """Leases in order of when they were granted: [client, slot, program, product, count, attempt, heard]."""

    def __init__(self):
        self.leases = []

    def free(self, product):
        return FREE[product] - sum(one[4] for one in self.leases if one[3] == product)

    def told(self, step):
        return getattr(self, step.what)(step)

    def request(self, step):
        for one in self.leases:
            if one[:3] == [step.client, step.slot, step.program]:
                one[5:] = max(one[5], step.attempt), step.now
                return 1
        if self.free(step.more) < step.value + 1:
            return 0
        lease = [step.client, step.slot, step.program, step.more, step.value + 1, step.attempt, step.now]
        self.leases.append(lease)
        return 1

    def release(self, step):
        what = [step.client, step.slot, step.program]
        self.leases = [one for one in self.leases if one[:3] != what or one[5] > step.attempt]
        return 1

    def renew(self, step):
        kept, named = [], {slot for slot in range(2) if step.value >> slot & 1}
        for one in reversed(self.leases):  # the newest first
            client, slot, *_, attempt, _ = one
            if client != step.client:
                kept.append(one)
            elif attempt <= step.program:  # its client was started again since
                kept += [] if step.more else [one]
            elif not step.more or slot in named or attempt > step.attempt:
                named.discard(slot)
                kept.append([*one[:6], step.now])
        self.leases = kept[::-1]
        return 1

    def reclaim(self, step):
        self.leases = [one for one in self.leases if one[6] > step.value]
        return 1

    def probe(self, step):
        return 1


numbers = st.integers
drawn = st.builds(
    lambda what, client, slot, program, attempt, value, more: (what, client, slot, program, attempt, value, more),
    st.sampled_from(["request", "request", "request", "release", "renew", "renew", "reclaim", "probe"]),
    numbers(0, 1), numbers(0, 1), numbers(1, 3), numbers(1, 4), numbers(0, 3), numbers(0, 1),
)  # fmt: skip


def step_of(now, row):
    what, client, slot, program, attempt, value, more = row
    if what == "reclaim":
        return Step(what, 0, 0, 0, 0, now, now - AFTER, 0)
    if what == "request":
        value %= 3
    return Step(what, client, slot, program, attempt, now, value, more)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn, min_size=8, max_size=40))
def test_every_step_gives_what_the_contract_says(service, rows):
    service._redis.flushall()
    service.begin(FREE)
    steps = [step_of(10 * n, row) for n, row in enumerate(rows, 1)]
    books = Books()
    assert service.carry_out(steps) == [books.told(step) for step in steps]
    assert service.leases() == {tuple(one[:3]): (one[3], one[4]) for one in books.leases}
    assert [int(service._redis.get(f"free:{p}")) for p in (0, 1)] == [books.free(0), books.free(1)]
    assert service.done() == len(steps)


def test_times_of_a_hundred_days_are_apart(service):
    """ns beyond 2**53 would be one number to Redis."""
    service._redis.flushall()
    service.begin(FREE)
    late = 2**53 - 2
    service.carry_out([Step("request", c, 0, 1, 1, late + c, 0, 0) for c in (0, 1)])
    service.carry_out([Step("reclaim", 0, 0, 0, 0, late + 2, late, 0)])
    assert service.leases() == {(1, 0, 1): (0, 1)}
