"""Ray workers: who gets which job, what becomes of the jobs of lost ones, and what is left of them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from meterstorm.actors.cluster.connection import start_ray
from meterstorm.actors.cluster.failures import ShardLost
from meterstorm.actors.cluster.workers import TRIES, Crew, spread

from support.processes import eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(scope="module")
def ray(temporary):
    found = start_ray(max(2, os.cpu_count() or 1))
    yield found
    found.shutdown()


def pid_of() -> Callable[[int], tuple[int, int]]:
    """A function that travels whole: workers cannot import tests."""

    def work(job: int) -> tuple[int, int]:
        return job, os.getpid()

    return work


def all_ended(pids: set[int]) -> bool:
    return eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_every_job_is_done_once_and_no_worker_is_left(ray):
    answers = list(spread(pid_of(), ((k,) for k in range(50)), 2))
    assert sorted((index, job) for index, _, (job, _) in answers) == [(k, k) for k in range(50)]
    pids = {pid for _, _, (_, pid) in answers}
    assert 1 <= len(pids) <= 2
    assert all_ended(pids)


def test_there_are_no_more_workers_than_jobs(ray):
    crew = Crew(ray, pid_of(), [(0,), (1,), (2,)], 1000)
    crew._engage()
    assert len(crew._calls) == 3
    crew.dismiss()


def test_workers_end_with_what_they_do_when_the_caller_has_enough(ray, tmp_path):
    def work(job: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        while job or len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)

    for _ in spread(work, [(0,), (1,)], 2):
        break
    assert all_ended({int(path.name) for path in tmp_path.iterdir()})


def lost_at(folder: Path, tries: int) -> Callable[[int], int]:
    """A function whose worker is killed the first times that it is called with 1."""

    def work(job: int) -> int:
        if job == 1 and len(list(folder.iterdir())) < tries:
            (folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    return work


def test_the_job_of_a_lost_worker_is_begun_anew(ray, tmp_path):
    answers = spread(lost_at(tmp_path, TRIES - 1), ((k,) for k in range(5)), 2)
    assert sorted(index for index, _, _ in answers) == [0, 1, 2, 3, 4]
    assert len(list(tmp_path.iterdir())) == TRIES - 1


def test_a_job_that_ends_its_worker_each_time_is_given_up(ray, tmp_path):
    with pytest.raises(ShardLost, match="a worker is lost, and again when its world was"):
        list(spread(lost_at(tmp_path, 1000), ((k,) for k in range(5)), 2))
    assert len(list(tmp_path.iterdir())) == TRIES


def test_jobs_are_taken_as_workers_get_free(ray):
    """What comes next may depend on what has come, as when a run goes on until it is precise."""
    taken: list[int] = []

    def jobs() -> Iterator[tuple[int]]:
        for k in range(20):
            taken.append(k)
            yield (k,)

    for done, _ in enumerate(spread(pid_of(), jobs(), 2)):
        assert len(taken) <= done + 2 + 1  # what is at work, and one that waits for a worker that starts
