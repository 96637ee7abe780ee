"""What a user's policy imports of their own is part of what a result comes from."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterstorm.actors.setup.origin import CODE, OriginError, of_world
from meterstorm.experiments.scenario import validate
from meterstorm.policies.failover import TOLD
from meterstorm.policies.imports import imports_of, may_read
from meterstorm.policies.registry import ALL, WRAPPER, resolve

from support.sweeps import plan_of, run_in

MINE = """
import math
from typing import NamedTuple

import numpy as np
from meterstorm.policies import retry
from {pauses} import pause_s

class Mine(NamedTuple):
    factor: float = 1.0

    def on_failure(self, link, memory, u):
        return retry(self.factor * pause_s(link.failures))
"""
PAUSES = """
import {numbers} as numbers
from meterstorm.policies import compilable

@compilable
def pause_s(failures):
    return 2.0 * failures
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A policy whose pauses are in a module, which has another one, both with names of this test."""
    pauses, numbers = (f"{name}_{tmp_path.name}" for name in ("pauses", "numbers"))
    (tmp_path / "mine.py").write_text(MINE.format(pauses=pauses))
    (tmp_path / f"{pauses}.py").write_text(PAUSES.format(numbers=numbers))
    (tmp_path / f"{numbers}.py").write_text("import json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "mine.py"
    for name in (pauses, numbers):
        sys.modules.pop(name, None)


def modules_of(mine: Path) -> dict[str, Path]:
    return {f"module {path.stem}": path for path in mine.parent.glob("*_*.py")}


def test_modules_of_ones_own_are_part_of_it_and_no_others(mine):
    expected = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in modules_of(mine).items()}
    assert {f"module {name}": value for name, value in imports_of(mine).items()} == expected
    found = of_world(validate({"title": "mine", "policies": {"failover": {"name": f"{mine}:Mine"}}}))
    assert {name: found[name] for name in found.keys() - CODE.keys() - {str(mine)}} == expected


@pytest.mark.parametrize("where", ["mine", "pauses", "numbers", None])
def test_who_reads_a_name_anywhere_is_told(mine, where):
    for path in mine.parent.glob(f"{where}*.py"):
        path.write_text(f"{path.read_text()}\ndef read(link):\n    return link.free\n")
    policy = resolve("failover", f"{mine}:Mine", {"within": [{"name": "jitter"}]})
    assert may_read(type(policy), TOLD) == (where is not None)


def test_what_is_no_source_may_read_anything(mine, monkeypatch):
    """A module that was built from another language is not to be read as Python's."""
    policy = resolve("failover", f"{mine}:Mine", {"within": [{"name": "deadline"}]})
    built = mine.with_name("built.so")
    built.write_bytes(b"\x7fELF\0")
    (name,) = (name for name in sys.modules if name.startswith("numbers_") and name.endswith(mine.parent.name))
    monkeypatch.setattr(sys.modules[name], "__file__", str(built))
    assert may_read(type(policy), TOLD)


def test_built_in_policies_are_told_nothing():
    assert not any(may_read(cls, TOLD) for kind in ("failover", WRAPPER) for cls in ALL[kind].values())


def test_a_worker_with_another_module_is_named(mine):
    """Its own process imports what there is by then."""
    made = plan_of({"clients.count": [1, 2]}, {"policies": {"failover": {"name": f"{mine}:Mine"}}})
    assert imports_of(mine)
    (name, path), *_ = sorted(modules_of(mine).items(), reverse=True)
    path.write_text(path.read_text().replace("2.0", "3.0"))
    with pytest.raises(OriginError, match=rf"^a worker process has {name} \w+; this run has {name} \w+; they"):
        run_in(mine.parent / "sweep", made, workers=2)
