"""A bound for every test here: processes that wait for each other may do so for ever."""

import signal
from collections.abc import Iterator

import pytest

BOUND_S = 240


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Fail a test that takes too long, with the stack of where it waits."""

    def fail(*_: object) -> None:
        raise TimeoutError(f"this test has taken {BOUND_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(BOUND_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
