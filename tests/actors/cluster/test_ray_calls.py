"""Calls of Ray: the driver is told that Ray is lost whatever call it is in."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from meterstorm.actors.cluster import failures
from meterstorm.actors.cluster.connection import ClusterError
from meterstorm.actors.cluster.failures import called


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "RAY_POLL_S", 0.01)


def test_a_call_gives_what_it_gives():
    assert called(divmod, 7, 2) == (3, 1)
    assert called(int, "12", base=3) == 5
    with pytest.raises(ZeroDivisionError):
        called(divmod, 7, 0)


def test_a_call_that_does_not_return_is_left_when_ray_is_lost(monkeypatch: pytest.MonkeyPatch):
    began = threading.Event()

    def never() -> None:
        began.set()
        threading.Event().wait()

    monkeypatch.setattr(failures, "loss", lambda: "Ray is gone" if began.is_set() else None)
    with pytest.raises(ClusterError, match="Ray is gone"):
        called(never)


def test_where_ray_is_lost_nothing_is_asked_of_it(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    monkeypatch.setattr(failures, "loss", lambda: "Ray is gone")
    with pytest.raises(ClusterError):
        called(asked.append, 1)
    assert asked == []


def test_a_call_that_an_interrupt_hits_has_ended_when_that_is_raised(monkeypatch: pytest.MonkeyPatch):
    """Else Ray might be shut down under it."""
    heard, let_go, ended = threading.Event(), threading.Event(), threading.Event()
    wait: Callable[..., object] = failures.wait

    def interrupt(*_: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    def waits(calls: list[Future[None]], seconds: float) -> object:
        if heard.is_set():
            let_go.set()
        return wait(calls, seconds)

    def call() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        let_go.wait()
        ended.set()

    monkeypatch.setattr(failures, "wait", waits)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            called(call)
    finally:
        signal.signal(signal.SIGINT, before)
        let_go.set()
    assert ended.is_set()
