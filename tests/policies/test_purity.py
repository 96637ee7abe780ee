"""A user's policy that is seen not to be pure is refused, with file and line; a pure one is not."""

import numba
import pytest
from meterstorm.policies.registry import resolve

HEAD = """
import itertools
import os
import random
import time
import uuid
from datetime import datetime
from random import random as draw
from typing import NamedTuple

import numba
import numpy as np

SEEN = []
TABLE = np.zeros(3)
LIMITS = {1: 2.0}
NUMBERS = itertools.count()
CALLS = 0
"""
RNG = "RNG = np.random.default_rng(1)  # here\n"
CLASS = """

class Mine(NamedTuple):
    interval_s: float = 100.0

    def targets(self, report):
        %s
        return report.allocated
"""

IMPURE = [
    "random.random()",
    "draw()",
    "np.random.rand()",
    "time.time()",
    "datetime.now()",
    "uuid.uuid4()",
    "os.urandom(8)",
    "os.environ['HOME']",
    "hash('a name')",
    "id(report)",
    "input()",
    "SEEN.append(report)",
    "SEEN[:] = []",
    "TABLE[0] += 1",
    "next(NUMBERS)",
    "NUMBERS.__next__()",
    "global CALLS",
    "type(self).calls = 1",
    "import random",
    "from time import monotonic",
]


def resolved(folder, text):
    (folder / "own.py").write_text(text)
    return resolve("balancing", f"{folder / 'own.py'}:Mine", {})


def refused(folder, text, words=()):
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "# here" in line)
    with pytest.raises(ValueError, match=r"own\.py, line ") as raised:
        resolved(folder, text)
    for word in (f"own.py, line {line}: Mine: ", "answers from its arguments alone", *words):
        assert word in str(raised.value)


@pytest.mark.parametrize("statement", IMPURE)
def test_what_gives_other_answers_is_refused(statement, tmp_path):
    refused(tmp_path, HEAD + CLASS % f"{statement}  # here")


def test_it_is_found_in_what_a_policy_calls(tmp_path):
    helper = "\n\ndef helper(x):\n    return x * draw()  # here\n"
    refused(tmp_path, HEAD + helper + CLASS % "helper(1)", ["draw"])


def test_it_is_found_in_a_file_beside(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside_purity.py").write_text(
        "import random\n\n\ndef helper(x):\n    return x * random.random()\n"
    )
    text = "from beside_purity import helper\n" + HEAD + CLASS % "helper(1)"
    with pytest.raises(ValueError, match=r"beside_purity\.py, line 5: Mine: uses random"):
        resolved(tmp_path, text)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("decorator", ["numba.njit", "numba.jit(nogil=True)", "numba.vectorize"])
def test_what_numba_has_compiled_is_refused(decorator, tmp_path):
    """It might never end, and nobody could end it."""
    helper = f"\n\n@{decorator}\ndef helper(x):\n    return x\n"
    with pytest.raises(ValueError, match=r"own\.py, line \d+: Mine: helper is compiled by numba.* @compilable"):
        resolved(tmp_path, HEAD + helper + CLASS % "helper(1)")


@pytest.mark.parametrize("text", [RNG, "DELAY_S = random.random()  # here\n", "START_S = time.time()  # here\n"])
def test_what_runs_at_import_counts(text, tmp_path):
    refused(tmp_path, HEAD + text + CLASS % "pass")


def test_a_default_that_is_kept(tmp_path):
    refused(tmp_path, (HEAD + CLASS % "pass").replace("report):", "report, seen=[]):  # here"), ["[]"])


PURE = [
    "x = numba.int64(1)",
    "x = LIMITS[1] + TABLE.sum()",
    "time = 3; x = time + 1",
    "seen = []; seen.append(1); seen[0] = 2",
    "x = np.sort(report.leased); x[0] += 1; np.add(x, 1)",
    "x = sorted(report.leased.ravel().tolist())",
]


@pytest.mark.parametrize("statement", PURE)
def test_what_is_pure_is_not_refused(statement, tmp_path):
    aside = "\n\ndef measure():\n    return time.perf_counter()\n"  # which the policy does not call
    main = "\n\nif __name__ == '__main__':\n    print(time.time(), random.random())\n"
    assert resolved(tmp_path, HEAD + aside + CLASS % statement + main).interval_s == 100.0
