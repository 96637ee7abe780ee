"""Ctrl-C keeps what is finished."""

import json
import os
import signal
import subprocess
import sys

import pytest
from meterstorm.experiments.cli import console
from meterstorm.experiments.reports import summary
from meterstorm.experiments.runs import run
from meterstorm.experiments.scenario import validate

from support.processes import eventually


def test_an_interrupt_keeps_what_is_finished():
    def interrupt(done: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    raw = {
        "title": "x",
        "run": {"duration_s": 600, "warmup_s": 0, "replications": 5},
        "clients": {"count": 10},
    }
    scenario = validate(raw | {"arms": [{"name": "a"}, {"name": "b"}]})
    results = run.run(scenario, workers=0, on_progress=interrupt)
    assert results.interrupted
    assert [[row.number for row in result.replications] for result in results.versions] == [[0, 1], [0]]
    content = summary.summary(results)
    assert [arm["replications"] for arm in content["arms"]] == [2, 1]
    whole = run.run(scenario, workers=0)
    assert not whole.interrupted
    assert [row.digest for row in whole.versions[0].replications[:2]] == [
        row.digest for row in results.versions[0].replications
    ]


# Balancing is plain Python, so it can tell how far a run has come: once a world here.
SIGN = """
from pathlib import Path
from typing import NamedTuple


class Sign(NamedTuple):
    interval_s: float = 1000.0

    def targets(self, report):
        with Path(__file__).with_name("worlds").open("a") as file:
            file.write(".")
        return report.allocated
"""


@pytest.mark.slow
def test_ctrl_c(here):
    (here / "sign.py").write_text(SIGN)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from meterstorm.experiments.cli.main import main; main()"
    )
    options = ["--balancing", "sign.py:Sign", "--replications", "1000000", "--workers", "0", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "short.toml", *options, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    signs = here / "worlds"

    def has_come_far() -> bool:
        return process.poll() is not None or (signs.exists() and signs.stat().st_size >= 3)

    try:
        assert eventually(has_come_far, 120)
        assert process.poll() is None, "it has ended before it was interrupted"
        os.kill(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == console.INTERRUPTED, stderr
    assert "Traceback" not in stderr
    content = json.loads(stdout)
    kept = content["arms"][0]["replications"]
    assert 2 <= kept < 1000000  # two signs ago, at least, a world was finished
    assert f"interrupted; kept {kept} of 1,000,000 worlds in out" in stderr
    assert json.loads((here / "out" / "summary.json").read_text()) == content
    assert json.loads((here / "out" / "provenance.json").read_text())["interrupted"] is True
