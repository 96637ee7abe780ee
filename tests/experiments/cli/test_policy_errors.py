"""What a user's own policy raises is the user's: status 2, file and line, the exception's own words."""

import os
import subprocess
import sys

import pytest
from meterstorm.actors.compiled import time_limit
from meterstorm.experiments.cli import console

from support.command_line import invoke, refused

HEAD = """
import math
from typing import NamedTuple

from meterstorm.policies import admit, probe, refuse, retry
from meterstorm.policies.compilable import compilable


@compilable
def root(x):
    return math.sqrt(1 / x)  # root


@compilable
def grown(x):
    while x >= 0.0: x += 1.0  # grown
    return x


class Mine(NamedTuple):
    interval_s: float = 100.0
    memory_size = 2

"""

FAILOVER, FAILBACK, SELECTION, ADMISSION, BALANCING = (
    ("failover", "on_failure(self, link, memory, u)"),
    ("failback", "plan(self, place, u)"),
    ("selection", "next_server(self, choice, u)"),
    ("admission", "on_request(self, arrival, u)"),
    ("balancing", "targets(self, report)"),
)
# A policy of a kind, what its method does, and the exception's words; "# here" marks the line.
RAISES = {
    "raises": (
        FAILOVER,
        "if link.tries_here > 2:\n    raise RuntimeError('no more tries')  # here\nreturn retry(1.0)",
        "RuntimeError: no more tries",
    ),
    "asserts": (
        ADMISSION, "assert arrival.now_s < 100.0, 'too late'  # here\nreturn admit()", "AssertionError: too late",
    ),
    "plans": (FAILBACK, "return probe(1.0 / (place.server - place.preferred))  # here", "ZeroDivisionError: "),
    "divides": (
        FAILOVER,
        "x = link.tries_here - 3\ny = 1 / x  # here\nreturn retry(y * y)",
        "ZeroDivisionError: division by zero",
    ),
    "divides integers": (
        SELECTION, "return choice.servers // (choice.home - choice.home)  # here", "ZeroDivisionError: ",
    ),
    "beyond its memory": (
        FAILOVER,
        "memory[0] += 1.0\nmemory[int(memory[0])] = 1.0  # here\nreturn retry(1.0)",
        "IndexError: index 2 is out of bounds",
    ),
    "in what it calls": (
        FAILOVER,
        "return retry(root(link.tries_here - 1.0))",
        "ZeroDivisionError: ",
    ),
    "never ends": (
        FAILOVER,
        "x = 1.0\nwhile x > 0.0: x += link.now_s  # here\nreturn retry(x)",
        "EndlessLoop: a loop goes round more than 10,000,000 times",
    ),
    "never ends in what it calls": (
        ADMISSION,
        "return refuse(grown(arrival.now_s))",
        "EndlessLoop: a loop goes round more than 10,000,000 times",
    ),
    "never ends within itself": (
        SELECTION,
        "def grown(x):\n    while x > 0:\n        x += 1 - choice.home * 0  # here\n    return x\n"
        "return grown(1 + choice.home)",
        "EndlessLoop: a loop goes round more than 10,000,000 times",
    ),
    "never answers": (BALANCING, "while True: pass  # here", "NoAnswer: no answer in 0.3 s of CPU time"),
    "always": (FAILOVER, "raise RuntimeError('not written yet')  # here", "RuntimeError: not written yet"),
    "balances": (BALANCING, "return report.licenses  # here", "AttributeError: "),
    "exits": (BALANCING, "raise SystemExit(7)  # here", "SystemExit: 7"),
}  # fmt: skip


def written(here, name):
    """Write a policy; return its option and the line that fails."""
    (kind, method), body, _ = RAISES[name]
    lines = [f"    def {method}:", *(f"        {line}" for line in body.splitlines())]
    text = HEAD + "\n".join(lines) + "\n"
    (here / "own.py").write_text(text)
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if "# here" in line]
    called = "# root" if "root(" in body else "# grown"
    failing = numbers or [number for number, line in enumerate(text.splitlines(), 1) if called in line]
    return f"--{kind}", failing[0]


@pytest.mark.parametrize("name", RAISES)
def test_what_a_policy_raises(name, here, monkeypatch):
    monkeypatch.setattr(time_limit, "ANSWER_S", 0.3)
    option, line = written(here, name)
    result = invoke("run", "dark.toml", "--json", "--workers", 0, option, "own.py:Mine")
    refused(result, console.WRONG_INPUT, [f"own.py, line {line}: ", RAISES[name][2]])
    assert "invariant" not in result.stderr
    assert "ignored" not in result.stderr


@pytest.mark.parametrize("name", ["raises", "balances", "never ends", "never ends in what it calls"])
def test_the_same_without_the_jit(name, here):
    option, line = written(here, name)
    impatient = "from meterstorm.actors.compiled import time_limit; time_limit.ANSWER_S = 0.3\n"
    code = f"{impatient}from meterstorm.experiments.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", "dark.toml", "--json", "--workers", "0", option, "own.py:Mine"]
    done = subprocess.run(
        command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (console.WRONG_INPUT, "")
    words = RAISES[name][2] if "never" not in name else "NoAnswer: no answer in 0.3 s of CPU time"
    assert f"own.py, line {line}: " in done.stderr and words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    def check(self):\n        return 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("    @property\n    def memory_size(self):\n        raise RuntimeError('how many?')\n", "how many?"),
        ("    memory_size = 0.5\n", "memory_size: 0.5 is not allowed; it must be a whole number"),
        ("    memory_size = 10**9\n", "memory_size: 1000000000 is not allowed; it must be a whole number"),
    ],
)
def test_what_a_policy_says_of_itself(body, words, here):
    method = "    def on_failure(self, link, memory, u):\n        return retry(1.0)\n"
    (here / "own.py").write_text(HEAD.replace("    memory_size = 2\n", body) + method)
    result = invoke("run", "dark.toml", "--json", "--workers", 0, "--failover", "own.py:Mine")
    refused(result, console.WRONG_INPUT, ["policies.failover", words])


def test_time_that_stands_still_is_wrong_input(here):
    """A policy that tries again at once, where neither messages nor service take time."""
    still = ["--set", "network.latency_ms=0", "--set", "servers.service_ms=0"]
    refusing = ["--set", 'faults[0].kind="refusing"', "--failover", "own.py:Mine"]
    method = "    def on_failure(self, link, memory, u):\n        return retry(0.0)\n"
    (here / "own.py").write_text(HEAD + method)
    result = invoke("run", "dark.toml", "--json", "--workers", 0, *still, *refusing)
    refused(result, console.WRONG_INPUT, ["time stands still", "a delay > 0"])
