"""Ray that is lost, short of memory, or started anew: how a run ends, and what is left."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from meterstorm.actors.wall.backends.family import children

from support.clusters import cluster
from support.processes import PATIENCE_S, command, eventually, shards

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.xdist_group("ray")]

ENDLESS = """
title = "two shards"
[run]
duration_s = 1e8
warmup_s = 0
sample_s = 1e8
[clients]
count = 40
"""
MAIN = "from meterstorm.experiments.cli.main import main; main()"
LOST_S = 30.0  # for a loss to be told; Ray itself takes minutes
WRITTEN_S = 120.0  # for it to be told, and for results to be written


@pytest.mark.parametrize("options", [["--shards", "2"], ["--workers", "2", "--replications", "3"]])
def test_a_cluster_whose_head_is_killed_is_told_at_once(tmp_path, options):
    (tmp_path / "two.toml").write_text(ENDLESS)
    with cluster(1) as nodes:
        command = [sys.executable, "-c", MAIN, "run", "two.toml", *options, "--ray-address", nodes.address]
        driver = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            head = nodes.head_node.all_processes["gcs_server"][0].process
            raylet = nodes.head_node.all_processes["raylet"][0].process
            at_work = (lambda: shards(raylet.pid)) if "--shards" in options else (lambda: works(raylet.pid))
            assert eventually(lambda: at_work() or driver.poll() is not None) and driver.poll() is None
            head.send_signal(signal.SIGKILL)
            _, stderr = driver.communicate(timeout=LOST_S)
        finally:
            driver.kill()
            driver.communicate()
        assert driver.returncode == 4, stderr
        assert f"the Ray cluster at {nodes.address} is lost: nobody answers there any more\n" in stderr
        assert "Traceback" not in stderr


def works(raylet: int) -> bool:
    """Whether a worker of a raylet runs a world."""
    return any("ray::Worker.run" in command(child) for child in children(raylet))


BLOCKED = """
title = "one world ends, one does not"
[run]
duration_s = 2000.0
warmup_s = 0
sample_s = 2000.0
[clients]
count = 40
[[arms]]
name = "ends"
[[arms]]
name = "does not"
set = { "policies.balancing" = { name = "blocked.py:Blocked", interval_s = 1000.0 } }
"""
BLOCKED_POLICY = """
import threading
from typing import NamedTuple


class Blocked(NamedTuple):
    interval_s: float = 1000.0

    def targets(self, report):
        threading.Event().wait()
        return report.allocated
"""


def test_what_is_finished_is_in_the_summary_though_the_driver_was_inside_of_a_call(tmp_path):
    """Without --workers it asks Ray for its nodes each second; a call to a head that is lost does not return."""
    (tmp_path / "blocked.toml").write_text(BLOCKED)
    (tmp_path / "blocked.py").write_text(BLOCKED_POLICY)
    options = ["--ray-address", "{}", "--checkpoint-every", "1h", "--out", "out"]
    with cluster(1) as nodes:
        given = [option.format(nodes.address) for option in options]
        command = [sys.executable, "-c", MAIN, "run", "blocked.toml", *given]
        driver = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            head = nodes.head_node.all_processes["gcs_server"][0].process
            finished = tmp_path / "out" / "checkpoints" / "done-0-0"
            assert eventually(lambda: finished.exists() or driver.poll() is not None) and driver.poll() is None
            head.send_signal(signal.SIGKILL)
            stdout, stderr = driver.communicate(timeout=WRITTEN_S)
        finally:
            driver.kill()
            driver.communicate()
        assert os.path.isdir(nodes.head_node.get_session_dir_path())  # which is the cluster's
        lost = f"the Ray cluster at {nodes.address} is lost: nobody answers there any more"
    assert driver.returncode == 4, stderr
    kept = "kept 1 of 2 worlds in out\nmeterstorm: what is done is kept: meterstorm resume out goes on"
    assert f"meterstorm: {lost}\nmeterstorm: {kept}" in stderr
    assert "Traceback" not in stderr
    arms = json.loads((tmp_path / "out" / "summary.json").read_text())["arms"]
    assert [(arm["name"], arm["replications"]) for arm in arms] == [("ends", 1)]
    assert "ends" in stdout


OWN_RAY = "from meterstorm.actors.cluster.connection import end_ray, start_ray; start_ray(1); end_ray()"


def test_a_ray_of_ones_own_writes_no_token_into_the_home_folder(tmp_path, temporary):
    """It would change what a later `ray start` does."""
    home = {"HOME": str(tmp_path), "RAY_TMPDIR": temporary}
    unset = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    ended = subprocess.run(
        [sys.executable, "-c", OWN_RAY],
        env=unset | home,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(tmp_path.rglob("auth_token"))


HUNGRY = """
import time
from meterstorm.actors.cluster.connection import ClusterError, end_ray
from meterstorm.actors.cluster.workers import spread

def work():
    time.sleep(600)

try:
    list(spread(work, [()], 1))
except ClusterError as error:
    print(error)
end_ray()
"""


def test_a_worker_that_memory_does_not_suffice_for_is_not_tried_for_ever(temporary):
    """Ray kills it as if the machine had no memory left, each time: while it starts, or at work."""
    short = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    ended = subprocess.run(
        [sys.executable, "-c", HUNGRY],
        env=os.environ | short | {"RAY_TMPDIR": temporary},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    told = (
        "^(no worker can be started|a worker is lost, and again when its world was begun anew): .* low on memory"
    )
    assert re.search(told, ended.stdout, re.MULTILINE), ended.stderr
