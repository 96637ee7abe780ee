"""Policies by name: parameters, a user's own files, and messages."""

import math
import os
import re
import sys

import pytest
from meterstorm.policies import sources
from meterstorm.policies.failover import RetryThenFailover, Sms2Documented
from meterstorm.policies.registry import ALL, BUILT_IN, METHOD, WRAPPER, resolve

OWN = """
from typing import NamedTuple
class Own(NamedTuple):
    delay_s: float
    retries: float = 2
    def on_failure(self, link, memory, u):
        return None
class Methodless(NamedTuple):
    a: float = 1
class Picky(Own):
    def check(self):
        raise ValueError("delay_s: too odd")
class Plain:
    pass
number = 3
"""


def test_every_built_in_policy_resolves_with_its_defaults():
    for kind, policies in BUILT_IN.items():
        for name, cls in policies.items():
            policy = resolve(kind, name, {})
            assert policy == cls()
            assert callable(getattr(policy, METHOD[kind]))
            assert cls.__doc__


def test_every_wrapper_resolves_with_its_defaults():
    for name, cls in ALL[WRAPPER].items():
        policy = resolve("failover", "never", {"within": [{"name": name}]})
        assert policy[:] == cls()
        assert cls.__doc__


@pytest.mark.parametrize(
    ("asked_before", "message"),
    [
        (0.5, "0.5 is not allowed; it must be a whole number >= 0, or inf"),
        (-1, "-1 is not allowed; it must be a number"),
    ],
)
def test_a_policy_of_ones_own_asks_a_whole_number_of_servers_before(tmp_path, asked_before, message):
    file = tmp_path / "mine.py"
    method = "    def on_denial(self, denied, u): return None\n"
    file.write_text(
        f"from typing import NamedTuple\nclass Mine(NamedTuple):\n    asked_before = {asked_before}\n{method}"
    )
    with pytest.raises(ValueError, match=f"asked_before: {message}"):
        resolve("denial", f"{file}:Mine", {})


def test_parameters_become_floats():
    policy = resolve("failover", "retry-then-failover", {"retries": 4})
    assert policy == RetryThenFailover(4.0, 900.0)
    assert type(policy.retries) is float
    assert resolve("failover", "full-jitter", {"retries": float("inf")}).retries == float("inf")
    assert resolve("failover", "sms2-documented", {"jitter": 1}) == Sms2Documented(jitter=1.0)


REFUSED = [
    ("failover", "imediate", {}, f"no failover policy 'imediate'; allowed: {', '.join(BUILT_IN['failover'])}, "
     "or your own as FILE.py:CLASS (did you mean 'immediate'?)"),
    ("selection", "zzz", {},
     "no selection policy 'zzz'; allowed: ring, sticky-random, rendezvous, two-choices, least-loaded, "
     "or your own as FILE.py:CLASS"),
    *(("selection", "two-choices", {"draws": draws},
       f"draws: {draws:.1f} is not allowed; it must be a whole number from 1 to 4") for draws in (0, 1.5, 5)),
    ("failover", "retry-then-failover", {"delay": 3},
     "delay: unknown parameter of failover policy 'retry-then-failover'; it takes retries, delay_s"),
    ("failover", "never", {"delay": 3},
     "delay: unknown parameter of failover policy 'never'; it takes no parameters"),
    ("admission", "bounded", {"limit": -1}, "limit: -1 is not allowed; it must be a number >= 0"),
    ("admission", "bounded", {"limit": True}, "limit: True is not allowed; it must be a number >= 0"),
    ("admission", "bounded", {"limit": "x"}, "limit: 'x' is not allowed; it must be a number >= 0"),
    ("admission", "bounded", {"limit": float("nan")}, "limit: nan is not allowed; it must be a number >= 0"),
    ("failover", "sms2-documented", {"jitter": 2}, "jitter: 2.0 is not allowed; it must be in [0, 1]"),
    ("failover", "sms2-documented", {"offline_s": 0}, "offline_s: 0 is not allowed; it must be > 0"),
    ("denial", "give-up", {"servers": 0}, "servers: 0.0 is not allowed; it must be a whole number >= 1, or inf"),
    ("denial", "retry", {"servers": 1.5}, "servers: 1.5 is not allowed; it must be a whole number >= 1, or inf"),
    ("denial", "backoff-retry", {"tries": 0.5},
     "tries: 0.5 is not allowed; it must be a whole number >= 1, or inf"),
    ("denial", "constant-retry", {"jitter": 2}, "jitter: 2.0 is not allowed; it must be in [0, 1]"),
    ("denial", "retry", {"delay_s": 0}, "delay_s: 0.0 is not allowed; it must be > 0 and finite"),
    ("denial", "constant-retry", {"delay_s": float("inf")},
     "delay_s: inf is not allowed; it must be > 0 and finite"),
    ("denial", "backoff-retry", {"base_s": 0}, "base_s: 0.0 is not allowed; it must be > 0 and finite"),
    ("denial", "backoff-retry", {"cap_s": 0}, "cap_s: 0.0 is not allowed; it must be > 0 and finite"),
    ("denial", "callback", {"poll_s": math.inf}, "poll_s: inf is not allowed; it must be >= 0 and finite"),
    ("denial", "callback", {"asked_before": 0.5},
     "asked_before: 0.5 is not allowed; it must be a whole number >= 0, or inf"),
    ("denial", "callback", {"servers": 2},
     "servers: unknown parameter of denial policy 'callback'; it takes poll_s, asked_before"),
    ("balancing", "periodic-demand", {"interval_s": 0},
     "interval_s: 0.0 is not allowed; it must be >= 1e-09 and <= 1e+09"),
    ("balancing", "on-shortage", {"shortage_gap_s": 0},
     "shortage_gap_s: 0.0 is not allowed; it must be > 0 and finite"),
    ("balancing", "on-shortage", {"shortage_gap_s": 91, "interval_s": 90},
     "shortage_gap_s: 91.0 is not allowed; it must be 0 or >= 1e-09 and <= 90 while interval_s = 90"),
    ("balancing", "on-shortage", {"shortage_gap_s": 2e9, "interval_s": 0},
     "shortage_gap_s: 2000000000.0 is not allowed; it must be 0 or >= 1e-09 and <= 1e+09 while interval_s = 0"),
    ("balancing", "fair-share", {"interval_s": 0},
     "interval_s: 0.0 is not allowed; it must be >= 1e-09 and <= 1e+09"),
    ("balancing", "borrow", {"shortage_share": 1.1},
     "shortage_share: 1.1 is not allowed; it must be 0 or >= 1e-06 and <= 1"),
    ("balancing", "borrow", {"shortage_share": 0},
     "shortage_share: 0.0 is not allowed; it must be > 0 and finite"),
    ("balancing", "borrow", {"shortage_gap_s": 0},
     "shortage_gap_s: 0.0 is not allowed; it must be > 0 while shortage_share = 0.9"),
    ("admission", "vegas", {"initial": 50, "most": 10},
     "initial: 50.0 is not allowed; it must be >= 1 and <= 10.0"),
    ("admission", "gradient2", {"least": 300}, "least: 300.0 is not allowed; it must be <= most = 200"),
    ("balancing", "borrow", {"shortage_share": 1e-7},
     "shortage_share: 1e-07 is not allowed; it must be 0 or >= 1e-06 and <= 1"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "parameters", "message"), REFUSED)
def test_a_refusal_is_a_finished_message(kind, name, parameters, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resolve(kind, name, parameters)


def test_between_sites_nothing_acts_on_shortage(tmp_path):
    path = tmp_path / "gap.py"
    path.write_text(
        "from typing import NamedTuple\n\nclass Gap(NamedTuple):\n    interval_s: float = 9.0\n"
        "    shortage_gap_s = 1.0\n\n    def targets(self, report):\n        return report.allocated\n"
    )
    assert resolve("balancing", f"{path}:Gap", {}).shortage_gap_s == 1.0
    with pytest.raises(ValueError, match=r"shortage_gap_s: 1.0 is not allowed; it must be 0 between sites"):
        resolve("intersite", f"{path}:Gap", {})


@pytest.mark.parametrize(
    ("kind", "more", "reason"),
    [
        ("intersite", "", "between sites"),
        ("balancing", "keeps_until_ack = True", "while keeps_until_ack is True"),
        ("balancing", "is_shared = True", "while is_shared is True"),
    ],
)
def test_what_cannot_be_taken_over(tmp_path, kind, more, reason):
    path = tmp_path / "greedy.py"
    path.write_text(
        "from typing import NamedTuple\n\nclass Greedy(NamedTuple):\n    interval_s: float = 9.0\n"
        f"    takes_over = True\n    {more}\n\n    def targets(self, report):\n        return report.allocated\n"
    )
    with pytest.raises(ValueError, match=f"takes_over: True is not allowed; it must be False {reason}"):
        resolve(kind, f"{path}:Greedy", {})


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_ones_own_policy(own):
    policy = resolve("failover", f"{own}:Own", {"delay_s": 3})
    assert (policy.delay_s, policy.retries) == (3.0, 2)
    assert type(policy) is type(resolve("failover", f"{own}:Own", {"delay_s": 4}))  # the file is read once


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Own", "failover policy '{own}:Own' needs delay_s"),
        ("None", "'{own}:None': {own} defines no None"),
        ("Methodless", "'{own}:Methodless': a failover policy needs a method on_failure"),
        ("Plain", "'{own}:Plain': Plain must be a typing.NamedTuple whose fields are its parameters"),
        ("number", "'{own}:number': number must be a typing.NamedTuple whose fields are its parameters"),
    ],
)
def test_what_is_no_policy(own, name, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message.format(own=own))}$"):
        resolve("failover", f"{own}:{name}", {})


def test_a_policys_own_check_is_heard(own):
    with pytest.raises(ValueError, match=r"^delay_s: too odd$"):
        resolve("failover", f"{own}:Picky", {"delay_s": 1})


def test_a_file_is_read_as_it_is_now(tmp_path, monkeypatch):
    """Though it was changed within the second of its last change, and is as long as it was."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file, retries = tmp_path / "mine.py", []
    for number in (2, 3):
        file.write_text(OWN.replace("retries: float = 2", f"retries: float = {number}"))
        os.utime(file, (1e9, 1e9))
        policy = resolve("failover", f"{file}:Own", {"delay_s": 1.0})
        retries.append(policy.retries)
        del sys.modules[type(policy).__module__]  # as in another process
        sources.forget(file)
    assert retries == [2, 3]


def test_a_file_that_is_missing_or_fails(tmp_path):
    path = tmp_path / "mine.py"
    with pytest.raises(ValueError, match=re.escape(f"'{path}:Mine': there is no file '{path}'")):
        resolve("failover", f"{path}:Mine", {})
    with pytest.raises(ValueError, match=r"^'immediate:Mine': 'immediate' is not a \.py file; .* FILE\.py:CLASS$"):
        resolve("failover", "immediate:Mine", {})
    for text, reason in [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = = 1", "SyntaxError: invalid"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=re.escape(f"'{path}' cannot be imported: {reason}")):
            resolve("failover", f"{path}:Mine", {})
    path.write_text(OWN)  # mended: read anew
    assert resolve("failover", f"{path}:Own", {"delay_s": 1}).delay_s == 1
