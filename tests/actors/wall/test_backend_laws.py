"""What backends make of leases, held against plain Python that follows the contract of actors/README.md."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterstorm.actors.wall.backends.backend import NOTHING, Step
from meterstorm.actors.wall.backends.process import ServiceProcess
from meterstorm.actors.wall.backends.registry import BACKENDS

from support.walled import each_backend, needs, needs_redis

FREE = (6, 3)
EMPTY = {
    "redis": lambda service: service._redis.flushall(),
    "etcd": lambda service: service._call("deleterange", {"key": "AA==", "range_end": "AA=="}),
    "postgres": lambda service: service._rows("TRUNCATE leases, pools; UPDATE counted SET steps = 0"),
}
AFTER = 30  # leases not heard of for this long are reclaimed


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """A connection to each backend that a test asks for."""
    started = {}

    def service(backend):
        if backend not in started:
            folder = tmp_path_factory.mktemp("r", numbered=True)
            process = ServiceProcess(BACKENDS[backend], folder, 0, NOTHING)
            process.start()
            process.wait()
            started[backend] = process, BACKENDS[backend].connect(process.folder)
            started[backend][1].begin(FREE)
        return started[backend][1]

    yield service
    for process, found in started.values():
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


def begun(services, backend):
    """One whose licenses are all free, however it was left."""
    service = services(backend)
    EMPTY[backend](service)
    service.begin(FREE)
    return service


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


@each_backend
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn, min_size=8, max_size=40), st.integers(1, 40))
def test_every_step_gives_what_the_contract_says(services, backend, rows, at_once):
    service = begun(services, backend)
    steps = [step_of(10 * n, row) for n, row in enumerate(rows, 1)]
    books = Books()
    said = [service.carry_out(steps[n : n + at_once]) for n in range(0, len(steps), at_once)]
    assert [one for some in said for one in some] == [books.told(step) for step in steps]
    assert service.leases() == {tuple(one[:3]): (one[3], one[4]) for one in books.leases}
    assert service.done() == len(steps)
    for product in (0, 1):  # a request for all that is free is granted, after one for a license more is denied
        free = books.free(product)
        asked = [Step("request", 9, product, 1, 1, 10**6, count - 1, product) for count in (free + 1, free)]
        assert service.carry_out(asked[: 1 + (free > 0)]) == [0, 1][: 1 + (free > 0)]


@each_backend
def test_what_was_there_when_it_begins_again_is_kept(services, backend):
    service = begun(services, backend)
    service.carry_out([Step("request", 0, 0, 1, 1, 0, 5, 0)])
    service.begin(FREE)
    assert service.leases() == {(0, 0, 1): (0, 6)}
    assert service.carry_out([Step("request", 1, 0, 1, 1, 0, 0, 0)]) == [0]


@each_backend
def test_thousands_of_steps_at_once_are_carried_out_in_order(services, backend):
    """More than go in one transaction; each license is asked for again when it has been given back."""
    service = begun(services, backend)
    pair = Step("request", 0, 0, 1, 1, 0, 5, 0), Step("release", 0, 0, 1, 1, 0, 0, 0)
    other = Step("request", 1, 0, 1, 1, 0, 5, 0)
    assert service.carry_out([pair[0], other, pair[1]] * 1100) == [1, 0, 1] * 1100
    assert service.done() == 3300 and service.leases() == {}


@needs_redis
def test_times_of_a_hundred_days_are_apart(services):
    """ns beyond 2**53 would be one number to Redis."""
    service = begun(services, "redis")
    late = 2**53 - 2
    service.carry_out([Step("request", c, 0, 1, 1, late + c, 0, 0) for c in (0, 1)])
    service.carry_out([Step("reclaim", 0, 0, 0, 0, late + 2, late, 0)])
    assert service.leases() == {(1, 0, 1): (0, 1)}


@needs("etcd")
def test_etcd_decides_again_when_somebody_else_has_written(services, monkeypatch):
    """Both read that one license is free; the one that writes later must deny."""
    first = begun(services, "etcd")
    second = BACKENDS["etcd"].connect(first.folder)
    write, asked = first._write, [Step("request", 1, 0, 1, 1, 0, FREE[0] - 1, 0)]

    def late(*arguments):
        if asked:
            assert second.carry_out([asked.pop()]) == [1]
        return write(*arguments)

    monkeypatch.setattr(first, "_write", late)
    assert first.carry_out([Step("request", 0, 0, 1, 1, 0, 0, 0)]) == [0]
    assert first.leases() == {(1, 0, 1): (0, FREE[0])} and first.done() == 2
    second.close()
