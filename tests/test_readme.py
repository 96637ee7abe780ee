"""The README: every command works and says what it should, programs run, the demo prints what is shown."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import shellingham
from meterstorm.experiments.cli import console
from meterstorm.experiments.logs.site import write_site
from meterstorm.experiments.pages import picture
from meterstorm.experiments.runs import run as runs
from meterstorm.experiments.sweeps import chunks

from support.command_line import invoke
from support.made_sites import DAY, of_sessions
from support.wall_runs import wall_folder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
POLICIES = (ROOT / "policies/README.md").read_text()
EXPERIMENTS = (ROOT / "experiments/README.md").read_text()
MORE = EXPERIMENTS[EXPERIMENTS.index("\n## More commands") : EXPERIMENTS.index("\n## Floors")]
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
COMPLETION = "meterstorm --install-completion"
# The first has a test of its own below; the other needs the extra `real`, as its tests do.
ELSEWHERE = {COMPLETION, "meterstorm bench real"}
# What the output has in it, by how a command begins; the longest beginning counts.
SAID = {
    COMPLETION: "bash completion installed in",
    "meterstorm bench engine": "all agree on events, grants and denials",
    "meterstorm bench shards": "400 clients, 2 shards:",
    "meterstorm bench storm": "brief-outage",
    "meterstorm bench sweep": "worlds",
    "meterstorm bench wall": "late",
    "meterstorm bench wall --connections": "listen",
    "meterstorm check": "warm-up",
    "meterstorm check-policy": "drawn questions, compiled, again and in plain Python: all is well",
    "meterstorm compare RUN RUN": "denial_fraction",
    "meterstorm compare RUN --twin": "50 replications in simulated time",
    "meterstorm diff": "equal",
    "meterstorm doctor": "the same digest alone and on two Ray shards",
    "meterstorm journal": "client 5",
    "meterstorm list": "Sweeps (meterstorm sweep NAME):",
    "meterstorm list policies": "decorrelated-jitter",
    "meterstorm report": "report.html",
    "meterstorm results": "clients.count",
    "meterstorm resume": "clients.count",
    "meterstorm run": "denial_fraction",
    "meterstorm run half-upgraded": "upgraded",
    "meterstorm run kb": "symptoms reproduced",
    "meterstorm schema": "json-schema.org",
    "meterstorm show aws-quota": "botocore/retries/quota.py",
    "meterstorm show clients.count": "clients.count = 800  (an integer >= 1)",
    "meterstorm show decorrelated-jitter": "failover  decorrelated-jitter  (",
    "meterstorm show faults": 'faults[].kind = "unreachable"',
    "meterstorm show grpc-throttle": "wrapper  grpc-throttle  (",
    "meterstorm show keys": "run.warmup_s = 3600.0",
    "meterstorm show least-loaded": "selection  least-loaded  (",
    "meterstorm show metrics": "time_to_recover_s",
    "meterstorm show ./mine.py:Patient": "= 3  (default 5)",
    "meterstorm show policies": "failover  never  (no parameters)",
    "meterstorm show q226827": 'article = "Q226827"',
    "meterstorm show stamina": "hynek/stamina, src/stamina/_core.py",
    "meterstorm show two-choices": "selection  two-choices  (",
    "meterstorm sweep": "clients.count",
    "meterstorm sweep patience.toml": "failover.delay_s",
    "meterstorm validate": "ok: 1 case x 2 arms x 1 replication",
    "meterstorm whatif": "daemon/editor",
}


def commands() -> list[str]:
    """Every command of the README, in order: of blocks, and of the tables of commands."""
    blocks = FENCED.findall(README) + FENCED.findall(POLICIES)
    lines = [line for language, text in blocks if language == "sh" for line in text.splitlines()]
    quoted = re.findall(r"`((?:meterstorm|show) [^`]*)`", README + MORE)
    whole = [text if text.startswith("meterstorm") else f"meterstorm {text}" for text in quoted]
    found = [line.partition("  #")[0].strip() for line in [*lines, *whole]]
    return list(dict.fromkeys(command for command in found if command.startswith("meterstorm")))


def said(command: str) -> str:
    """What its output must have in it."""
    return SAID[max((begin for begin in SAID if command.startswith(begin)), key=len)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the papers name, and the first run's results."""
    here = tmp_path_factory.mktemp("readme")
    (here / "made").mkdir()
    for name, text in [*NAMED.findall(README), *NAMED.findall(POLICIES)]:
        (here / name).write_text(text)
    return here


def test_there_are_commands():
    assert len(commands()) > 15


def make_run(monkeypatch: pytest.MonkeyPatch) -> str:
    """With a journal, whichever commands ran before."""
    if not Path("made/run").exists():
        assert invoke("run", "outage.toml", "--journal", "--out", "made/run").exit_code == 0
    return "made/run"


def make_wall_run(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(runs, "RAY_PAYS_FROM_S", float("inf"))
    return str(wall_folder(monkeypatch, Path("made/wall")))


def make_interrupted_sweep(monkeypatch: pytest.MonkeyPatch) -> str:
    """Of four worlds, the first two are kept."""
    ran, run_world = [], chunks.run_world

    def interrupting(*arguments: Any, **more: Any) -> Any:
        ran.append(arguments)
        if len(ran) == 3:
            raise KeyboardInterrupt
        return run_world(*arguments, **more)

    words = ("--vary", "clients.count=10,20", "--workers", 0, "--force", "--out", "made/sweep")
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "run_world", interrupting)
        assert invoke("sweep", "outage.toml", *words).exit_code == console.INTERRUPTED
    return "made/sweep"


def make_site(monkeypatch: pytest.MonkeyPatch) -> str:
    """Six days, on each of which 12 users come at once."""
    sessions = [(DAY * day + n, DAY * day + 3600, f"u{n}") for day in range(6) for n in range(12)]
    write_site(Path("made/site"), of_sessions(sessions, 14, 6 * DAY))
    return "made/site"


MADE = {"RUN": make_run, "WALL": make_wall_run, "FOLDER": make_interrupted_sweep, "SITE": make_site}


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = shlex.split(f"{command.replace('RUN --twin', 'WALL --twin')} {SMALL.get(command, '')}")[1:]
    result = invoke(*[MADE[word](monkeypatch) if word in MADE else word for word in words])
    assert result.exit_code == 0, f"{command}: {result.output}"
    assert said(command) in result.output


def is_on_ray(command: str) -> bool:
    return any(words in command for words in ON_RAY)


@pytest.mark.parametrize("command", [c for c in commands() if c not in ELSEWHERE and not is_on_ray(c)])
def test_a_command_works(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    run(command, folder, monkeypatch)


def test_completion_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(shellingham, "detect_shell", lambda: ("bash", "/bin/bash"))
    run(COMPLETION, folder, monkeypatch)
    assert ".bash_completions" in (folder / ".bashrc").read_text()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("command", [c for c in commands() if is_on_ray(c) and c not in ELSEWHERE])
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
