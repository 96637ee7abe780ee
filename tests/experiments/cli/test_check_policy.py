"""`meterstorm check-policy`: the same answer to the same question, in time, compiled or not."""

import pytest
from meterstorm.actors.compiled import time_limit
from meterstorm.experiments.cli import console
from meterstorm.policies.registry import METHOD

from support.command_line import invoke, refused

HEAD = """
import functools
from typing import NamedTuple

import numpy as np

from meterstorm.policies import admit, ask_again, ask_next, refuse, retry, send, wait

KEPT = functools.partial([].append)
ASKED = []
count = ASKED.append


class Mine(NamedTuple):
    interval_s: float = 100.0
    memory_size = 1

"""
GOOD = {
    "failover": "def on_failure(self, link, memory, u):\n    memory[0] += u\n    return retry(memory[0])",
    "failover with all its hooks": "def on_failure(self, link, memory, u):\n    return retry(memory[0])\n"
    "def before_request(self, link, memory, u):\n    return wait(u + 1.0) if memory[0] > 9.0 else send()\n"
    "def on_success(self, link, memory, u):\n    memory[0] += link.round_trip_s\n"
    "def on_denial(self, link, memory, u):\n    memory[0] = 0.0",
    "wrapper": "def on_failure(self, link, memory, u, decision):\n    memory[0] += u\n    return decision",
    "wrapper without failures": "def before_request(self, link, memory, u):\n    return send()",
    "selection": "def next_server(self, choice, u):\n    return int(u * choice.servers)",
    "selection that remembers": "memory_per_server = 2\n"
    "def next_server(self, choice, memory, u):\n    return int(memory[0] + memory[1]) % choice.servers\n"
    "def on_answer(self, choice, memory, u):\n    memory[2 * choice.server] += choice.waiting + choice.is_denial\n"
    "    memory[1] = choice.now_s + u",
    "admission": "def on_request(self, arrival, u):\n    return admit() if arrival.waiting < 9 else refuse(u)",
    "denial": "def on_denial(self, denied, u):\n    return ask_next() if u < 0.5 else ask_again(denied.pause)",
    "balancing": "def targets(self, report):\n    return report.allocated",
}
BAD = {
    "not the same twice": (
        "def targets(self, report):\n    count(1)\n    return np.maximum(report.allocated - len(ASKED), 0)",
        ["targets answers", "then"],
    ),
    "not the same in plain Python": (
        "def on_failure(self, link, memory, u):\n    return retry(abs(float(link.tries_here * 2**62)))",
        ["on_failure answers", "compiled", "in plain Python"],
    ),
    "not the same before a request": (
        "def on_failure(self, link, memory, u):\n    return retry(1.0)\n"
        "def before_request(self, link, memory, u):\n    return wait(abs(float(link.tries_here * 2**62)))",
        ["before_request answers", "compiled", "in plain Python"],
    ),
    "raises when told": (
        "def on_failure(self, link, memory, u):\n    return retry(1.0)\n"
        "def on_denial(self, link, memory, u):\n    memory[0] = 1 / link.is_heartbeat",
        ["line 21", "on_denial raised ZeroDivisionError"],
    ),
    "raises at an answer": (
        "memory_per_server = 1\n"
        "def next_server(self, choice, memory, u):\n    return choice.home\n"
        "def on_answer(self, choice, memory, u):\n    memory[choice.server] = 1 / choice.is_denial",
        ["line 22", "on_answer raised ZeroDivisionError"],
    ),
    "a memory that nothing is told to": (
        "memory_per_server = 1\ndef next_server(self, choice, memory, u):\n    return choice.home",
        ["that remembers needs all of memory_per_server > 0, next_server(self, choice, memory, u) and on_answer("],
    ),
    "a memory of no size": (
        "def next_server(self, choice, memory, u):\n    return choice.home\n"
        "def on_answer(self, choice, memory, u):\n    memory[0] = 1.0",
        ["that remembers needs all of memory_per_server > 0"],
    ),
    "a wrapper that raises": (
        "def on_failure(self, link, memory, u, decision):\n    return retry(1.0 / link.is_heartbeat)",
        ["line 19", "on_failure raised ZeroDivisionError"],
    ),
    "raises": ("def on_request(self, arrival, u):\n    return refuse(1 / arrival.waiting)", ["ZeroDivisionError"]),
    "an endless loop": (
        "def next_server(self, choice, u):\n    k = 1\n    while k > 0:\n        k = 1 + k % 9\n    return k",
        ["EndlessLoop", "next_server"],
    ),
    "an endless answer": (
        "def targets(self, report):\n    while True:\n        pass",
        ["NoAnswer", "no answer in"],
    ),
    "no method": ("pass", ["needs one of the methods " + ", ".join(dict.fromkeys(METHOD.values()))]),
}


def check(here, body, *options):
    (here / "own.py").write_text(HEAD + "\n".join(f"    {line}" for line in body.splitlines()) + "\n")
    return invoke("check-policy", "own.py:Mine", "--questions", 50, *options)


@pytest.mark.parametrize("kind", GOOD)
def test_a_policy_that_keeps_its_promise(kind, here):
    result = check(here, GOOD[kind], "--set", "interval_s=5")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"own.py:Mine: a {kind.split()[0]} policy; 50 drawn questions" in result.stdout


@pytest.mark.parametrize("name", BAD)
def test_one_that_does_not(name, here, monkeypatch):
    monkeypatch.setattr(time_limit, "ANSWER_S", 0.3)
    body, words = BAD[name]
    refused(check(here, body), console.WRONG_INPUT, ["own.py", *words])


def test_a_memory_of_half_a_number(here):
    body = GOOD["selection that remembers"].replace("memory_per_server = 2", "memory_per_server = 0.5")
    words = "memory_per_server: 0.5 is not allowed; it must be a whole number from 0 to 1024"
    refused(check(here, body), console.WRONG_INPUT, [words])


def test_wrong_names_and_parameters(here):
    refused(invoke("check-policy", "immediate"), console.WRONG_INPUT, ["not a .py file", "FILE.py:CLASS"])
    refused(check(here, GOOD["failover"], "--set", "wait=3"), console.WRONG_INPUT, ["wait: unknown parameter"])
