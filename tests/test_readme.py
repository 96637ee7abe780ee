"""The README: every command and program in it works, and what it shows of the demo is what the demo prints."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from meterstorm.experiments.pages import picture

from support.command_line import invoke

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
POLICIES = (ROOT / "policies/README.md").read_text()
EXPERIMENTS = (ROOT / "experiments/README.md").read_text()
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAKEFILE = (ROOT / "Makefile").read_text()

# What makes a long command a short one.
SMALL = {
    "meterstorm run kb": "--replications 1 --workers 0",
    "meterstorm run half-upgraded": "--replications 1 --workers 0",
    "meterstorm sweep jitter-storm": "--replications 1 --workers 0",
    "meterstorm run outage.toml --clock wall --pace 60 --balancing static": (
        "--arm 'at once' --set run.duration_s=240 --set run.warmup_s=60 --set run.sample_s=10"
    ),
    "meterstorm bench engine": "--peers python_heap --clients 1000 --events 10000",
    "meterstorm bench shards": "--clients 400 --repetitions 1",
    "meterstorm bench storm --quick": "--scenario brief-outage --replications 2 --workers 0",
    "meterstorm bench sweep": "--worlds 10 --events 1000 --workers 1",
    "meterstorm bench wall": "--clients 200 --seconds 1",
}
ON_RAY = ("--shards", "--clock wall", "bench shards", "bench wall", "doctor")
# A run of its own, with a journal: each command must work whichever other ones ran before it.
RUN = "results/of-the-commands"
# One writes into the home folder, one needs the extra `real`; the others need a folder. Their own tests have that.
ELSEWHERE = {
    "meterstorm bench real",
    "meterstorm whatif SITE --seats 10,12,14",
    "meterstorm --install-completion",
    "meterstorm resume FOLDER",
    "meterstorm results FOLDER",
}


def commands() -> list[str]:
    """Every command of the README, in order: of blocks, and of the table of what it can do."""
    blocks = FENCED.findall(README) + FENCED.findall(POLICIES)
    lines = [line for language, text in blocks if language == "sh" for line in text.splitlines()]
    quoted = re.findall(r"`((?:meterstorm|show) [^`]*)`", README)
    whole = [text if text.startswith("meterstorm") else f"meterstorm {text}" for text in quoted]
    found = [line.partition("  #")[0].strip() for line in [*lines, *whole]]
    return list(dict.fromkeys(command for command in found if command.startswith("meterstorm")))


def arguments(command: str) -> list[str]:
    words = shlex.split(f"{command} {SMALL.get(command, '')}")[1:]
    return [RUN if word == "RUN" else word for word in words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the papers name, and the first run's results."""
    here = tmp_path_factory.mktemp("readme")
    for name, text in [*NAMED.findall(README), *NAMED.findall(POLICIES)]:
        (here / name).write_text(text)
    return here


def test_there_are_commands():
    assert len(commands()) > 15


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if "RUN" in command and not (folder / RUN).exists():
        assert invoke("run", "outage.toml", "--journal", "--out", RUN).exit_code == 0
    result = invoke(*arguments(command))
    assert result.exit_code == 0, f"{command}: {result.output}"


def is_on_ray(command: str) -> bool:
    return any(words in command for words in ON_RAY)


@pytest.mark.parametrize("command", [c for c in commands() if c not in ELSEWHERE and not is_on_ray(c)])
def test_a_command_works(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    run(command, folder, monkeypatch)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("command", [c for c in commands() if is_on_ray(c)])
def test_a_command_on_ray_works(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    run(command, folder, monkeypatch)


def programs() -> list[str]:
    """Every program in Python: the blocks that are no file that a command reads."""
    files = [text for _, text in NAMED.findall(README)]
    blocks = FENCED.findall(README) + FENCED.findall(EXPERIMENTS)
    return [text for language, text in blocks if language == "python" and text not in files]


def test_there_are_programs():
    assert len(programs()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("program", programs(), ids=lambda text: text.splitlines()[0])
def test_a_program_works(program: str, folder: Path):
    """As a script, as it stands."""
    (folder / "program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip()


def test_a_sweep_takes_few_lines():
    sweep = next(text for text in programs() if "Sweep(" in text)
    assert len(sweep.splitlines()) <= 12


def test_a_policy_is_stepped_through_as_its_page_shows(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(folder)
    session = next(text for language, text in FENCED.findall(POLICIES) if ">>>" in text)
    test = doctest.DocTestParser().get_doctest(session, {}, "policies/README.md", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_make_has_the_two_commands():
    assert re.search(r"^demo:.*\n\t.*meterstorm run q226827", MAKEFILE, re.MULTILINE)
    assert re.search(r"^test:.*\n\t.*pytest", MAKEFILE, re.MULTILINE)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_the_demo_prints_what_the_readme_shows_and_its_numbers_draw_the_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^demo:.*\n\t\S*(meterstorm run .*)$", MAKEFILE, re.MULTILINE)
    result = invoke(*shlex.split(command)[1:], "--out", "demo")
    assert result.exit_code == 0, result.output
    printed = [line.rstrip() for line in result.output.splitlines()]
    shown = [line for language, text in FENCED.findall(README) if language == "text" for line in text.splitlines()]
    assert len(shown) > 4
    assert [line for line in shown if line.rstrip() not in printed] == []
    assert picture.draw(tmp_path / "demo") == (ROOT / "experiments/outage.svg").read_text()
