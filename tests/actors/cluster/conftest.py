"""For tests of processes: a bound, since they may wait for each other for ever, and a folder for their files."""

import signal
import tempfile
from collections.abc import Iterator

import pytest

BOUND_S = 600


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


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A short path of a module's own for everything temporary; sockets' paths have at most 107 bytes."""
    tmp_path_factory.getbasetemp()  # made before, so that it outlives this module
    with (
        tempfile.TemporaryDirectory(prefix="ms-", dir="/tmp") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield folder
