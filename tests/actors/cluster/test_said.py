"""What workers, nodes and shards warn of is told by the driver's loggers, each text once, and who has said it."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from meterstorm.actors.cluster.connection import end_ray, start_ray
from meterstorm.actors.cluster.placement import located
from meterstorm.actors.cluster.said import Line, Teller, collected
from meterstorm.actors.cluster.shard_set import ShardSet
from meterstorm.actors.cluster.workers import spread
from meterstorm.experiments.scenario import validate

NODE = r"node 127\.0\.0\.1 \([0-9a-f]{12}\)"


@pytest.fixture(scope="module")
def ray(temporary: str) -> Iterator[Any]:
    yield start_ray(max(2, os.cpu_count() or 1))
    end_ray()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(record.name, record.levelno, record.getMessage()) for record in caplog.records]


def test_only_warnings_of_our_own_are_collected_and_only_meanwhile():
    logger = logging.getLogger("meterstorm.somewhere")
    logger.warning("before")
    with collected() as said:
        logger.warning("%d licenses", 3)
        logging.getLogger("meterstorm").error("out of them")
        logger.info("all is well")
        logging.getLogger("others").error("not ours")
        assert said.take() == [
            Line("meterstorm.somewhere", logging.WARNING, "3 licenses"),
            Line("meterstorm", logging.ERROR, "out of them"),
        ]
        logger.warning("one more")
    logger.warning("after")
    assert [line.text for line in said.take()] == ["one more"]


def test_each_text_is_told_once_with_who_has_said_it(caplog: pytest.LogCaptureFixture):
    teller, full = Teller(), Line("meterstorm.disk", logging.ERROR, "100 % full")
    teller.tell("shard 0", [full, full])
    teller.tell("shard 1", [full, full._replace(text="101 % full")])
    assert told(caplog) == [
        ("meterstorm.disk", logging.ERROR, "shard 0: 100 % full"),
        ("meterstorm.disk", logging.ERROR, "shard 1: 101 % full"),
    ]


def warns() -> Callable[[int], None]:
    """A function that travels whole: workers cannot import tests."""

    def work(job: int) -> None:
        import logging

        logging.getLogger("meterstorm").warning("the same")
        logging.getLogger("meterstorm").warning("job %d", job)

    return work


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_workers_warnings_are_told(ray, caplog):
    list(spread(warns(), [(0,), (1,)], 2))
    found = sorted(re.sub(NODE, "NODE", text) for _, _, text in told(caplog))
    assert found == ["NODE: job 0", "NODE: job 1", "NODE: the same"]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_node_that_cannot_keep_compiled_code_says_so(ray):
    there = {"runtime_env": {"env_vars": {"NUMBA_CACHE_DIR": "/dev/null/nowhere"}}}
    _, _, _, lines = ray.get(ray.remote(located(len)).options(**there).remote(()))
    assert [line.text.partition(":")[0] for line in lines] == ["compiled code cannot be kept"]


def warn() -> Callable[[Any], None]:
    """What a shard's host does, as a function that travels whole."""

    def warn_of_shard(host: Any) -> None:
        import logging

        logging.getLogger("meterstorm.of.shards").warning("shard %d is odd", host.mesh.shard % 2)

    return warn_of_shard


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_shards_warnings_are_told_while_they_run(ray, caplog):
    scenario = validate({
        "title": "until a warning is told",
        "run": {"duration_s": 1e8, "warmup_s": 0, "sample_s": 1e8},
        "network": {"latency_ms": 50},
        "clients": {"count": 20},
    })  # fmt: skip
    asked: list[Any] = []

    def look(share: float) -> None:
        if not asked:
            asked.extend(host.__ray_call__.remote(warn()) for host in shards.hosts)
        elif len(told(caplog)) >= 2:
            raise InterruptedError

    with ShardSet(3) as shards, pytest.raises(InterruptedError):
        shards.simulate(scenario, 0, look)
    names = [(name, re.sub(r"\([^)]*\)", "(...)", text)) for name, _, text in told(caplog)]
    assert names == [
        ("meterstorm.of.shards", "shard 0 (...): shard 0 is odd"),
        ("meterstorm.of.shards", "shard 1 (...): shard 1 is odd"),
    ]
