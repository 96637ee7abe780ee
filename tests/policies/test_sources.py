"""Users' own policies are read once, and travel."""

import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterstorm.experiments.scenario import validate
from meterstorm.policies import sources
from meterstorm.policies.registry import resolve

OWN = """
from typing import NamedTuple
from meterstorm.policies import retry

class Own(NamedTuple):
    retries: float = {retries}
    def on_failure(self, link, memory, u):
        return retry(self.retries)
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "mine.py"
    file.write_text(OWN.format(retries=2))
    yield file
    sources.forget(file)


@pytest.mark.parametrize("change", [lambda file: file.write_text(OWN.format(retries=3)), Path.unlink])
def test_a_file_that_was_met_stays_as_it_was(own, change):
    assert resolve("failover", f"{own}:Own", {}).retries == 2
    text = sources.text_of(own)
    change(own)
    assert sources.text_of(own) == sources.meet(own) == text
    assert resolve("failover", f"{own}:Own", {}).retries == 2


def test_a_file_that_cannot_be_imported_may_be_mended(own):
    own.write_text("1 / 0")
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        resolve("failover", f"{own}:Own", {})
    own.write_text(OWN.format(retries=4))
    assert resolve("failover", f"{own}:Own", {}).retries == 4


def test_one_file_has_one_text(own):
    sources.meet(own)
    sources.provide(sources.known())
    with pytest.raises(ValueError, match=r"mine\.py: this process has met another text of this policy"):
        sources.provide({str(own): b"# another"})


def test_tracebacks_show_the_lines_that_run(own):
    own.write_text("def fail():\n    raise ValueError\n")
    code: dict[str, object] = {}
    exec(compile(sources.meet(own), str(own), "exec"), code)
    own.write_text("# another\n" * 9)
    with pytest.raises(ValueError) as raised:
        code["fail"]()  # type: ignore[operator]
    assert traceback.format_tb(raised.tb)[-1].endswith("raise ValueError\n")


TAKEN = """
import pickle, sys
from meterstorm.policies.registry import resolve
pickle.load(sys.stdin.buffer)
print(resolve("failover", NAME, {}).retries)
"""


def test_a_scenario_brings_its_policies_along(own):
    """To a process that has no such file; also where only an arm names them."""
    arms = [{"name": "own", "set": {"policies.failover": {"name": f"{own}:Own"}}}]
    for raw in ({"policies": {"failover": {"name": f"{own}:Own"}}}, {"arms": arms}):
        sent = pickle.dumps(validate({"title": "sent", **raw}))
        own.unlink(missing_ok=True)
        code = TAKEN.replace("NAME", repr(f"{own}:Own"))
        taken = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
        assert taken.stdout.decode().split() == ["2"]


def test_a_scenario_is_the_same_when_it_arrives(own):
    scenario = validate({"title": "sent", "policies": {"failover": {"name": f"{own}:Own"}}})
    assert pickle.loads(pickle.dumps(scenario)) == scenario == scenario.model_copy(deep=True)
