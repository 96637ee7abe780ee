"""Compiled code that is kept is what it says, whoever else compiles meanwhile, and whatever was loaded before."""

import json
import os
import subprocess
import sys

import pytest
from meterstorm.actors.compiled.kept import _File

# Of each policy within a wrapper: how often it answers, or remembers, other than in plain Python.
ASKED = """
import json
import sys
import numpy as np
from meterstorm.actors.compiled.policies import ask, compile_policy
from meterstorm.policies import BEFORE_REQUEST, SERVED, TIMED_OUT, Link
from meterstorm.policies.registry import resolve
from meterstorm.policies.wrapping import plain

def differences(name):
    policy = resolve("failover", name, {"within": [{"name": "resilience4j"}]})
    compiled, numbers = compile_policy("failover", policy), np.random.default_rng(1)
    one, two, found = np.zeros(policy.memory_size), np.zeros(policy.memory_size), 0
    for now_s in range(400):
        kind, failures = int(numbers.choice([TIMED_OUT, SERVED, BEFORE_REQUEST])), int(numbers.integers(1, 9))
        link, u = Link(float(now_s), kind, 0.0, failures, failures, 0, 3, 1), numbers.random()
        answers = ask("failover", compiled, link, one, u), plain(type(policy))(policy, link, two, u)
        found += answers[0] != answers[1] or one.tobytes() != two.tobytes()
    return found

print(json.dumps({name: differences(name) for name in sys.argv[1:]}))
"""


def differences(folder, *names):
    """What a process finds that keeps its code in a folder."""
    command = [sys.executable, "-c", ASKED, *names]
    env = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_policies_that_another_process_has_compiled_are_not_mixed_up(tmp_path):
    """Their parts have the names of others that are compiled here, with which they are linked."""
    kept, made = "capped-exponential", "full-jitter"
    assert differences(tmp_path, kept) == {kept: 0}
    assert differences(tmp_path, made, kept) == {made: 0, kept: 0}


def test_of_two_that_write_at_the_same_time_neither_is_found_as_the_other(tmp_path):
    """The second one comes in after the first has read the index, and writes its code when the first is done."""
    first, second = (_File(str(tmp_path), "answer", 1) for _ in range(2))
    left = []
    write_index, write_code = first._save_index, second._save_data
    second._save_data = lambda *what: left.append(what)

    def late(names):
        second.save("second", "the second one's code")
        write_index(names)

    first._save_index = late
    first.save("first", "the first one's code")
    write_code(*left[0])
    third = _File(str(tmp_path), "answer", 1)
    assert third.load("first") == "the first one's code"
    assert third.load("second") in (None, "the second one's code")
    third.save("second", "the second one's code, compiled once more")
    found = [third.load(name) for name in ("first", "second")]
    assert found == ["the first one's code", "the second one's code, compiled once more"]
