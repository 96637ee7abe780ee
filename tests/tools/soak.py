"""Chains of kills: a run whose processes are killed at random, and resumed, ends as if nothing had happened.

usage: soak.py [CHAINS [SEED]]. Each chain starts a run on shards with checkpoints, and disturbs it several times:
a shard, all shards, the driver, the raylet, the GCS, SIGTERM; what has ended is resumed. The rules: status and
words are as documented, nothing is left behind (processes, folders), the digest is that of an undisturbed run.
Exit status 1 when a chain breaks one; its folder stays.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes import ENDING_S, PATIENCE_S, command, descendants, eventually, in_session, shards

STEPS_MAX = 5
LEAVINGS = ("meterstorm-*", "ray/session_*")  # what a run has in the folder for temporary files
PACES = 0.05, 0.005  # the chance, each time that one looks, that a moment has come: while Ray starts, or later
SCENARIO = """
title = "a world to be killed"
[run]
duration_s = 10000
warmup_s = 300
[network]
latency_ms = 200
jitter_ms = 100
loss = 0.01
[clients]
count = 2000
programs = 2
release_old = "deferred"
[policies]
denial = { name = "callback" }
[[products]]
name = "editor"
licenses = 900
[workload]
launch_interval_s = 100
run_time_s = 60
[[faults]]
kind = "unreachable"
servers = [0]
start_s = 300
duration_s = 5000
"""


class Disturbance(NamedTuple):
    """What is done to a run; how it ends, if it does, and with which words."""

    name: str
    status: int | None  # None: it goes on
    words: str


DISTURBANCES = [
    Disturbance("shard", None, ""),
    Disturbance("shards", None, ""),
    Disturbance("driver", -signal.SIGKILL, ""),
    Disturbance("raylet", 4, "its process raylet has ended"),
    Disturbance("gcs_server", 4, "its process gcs_server has ended"),
    Disturbance("SIGTERM", 130, ""),
]


class Broken(Exception):
    """A chain has broken a rule."""


class Chain:
    """One run and its resumptions, in a folder of its own."""

    def __init__(self, folder: Path, numbers: random.Random) -> None:
        self.folder = folder
        self.numbers = numbers
        self.told: list[str] = []
        self.left = 0  # the session of the last run, whose processes may be left
        (folder / "soak.toml").write_text(SCENARIO)

    def start(self) -> subprocess.Popen[str]:
        """Begin the run, or resume it."""
        begun = (self.folder / "out" / "checkpoints" / "run").exists()
        run = ["run", "soak.toml", "--shards", "2", "--checkpoint-every", "0.2s", "--out", "out", "--json"]
        code = "from meterstorm.experiments.cli.main import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *(["resume", "out", "--json"] if begun else run)],
            env=os.environ | {"TMPDIR": str(self.folder), "RAY_TMPDIR": str(self.folder)},
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def clear(self) -> None:
        """Kill what a broken run has left."""
        for pid in in_session(self.left):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self) -> str:
        """Disturb and resume until the run has ended by itself; return its digest."""
        for _ in range(self.numbers.randint(1, STEPS_MAX)):
            if digest := self._disturbed(self.numbers.choice(DISTURBANCES)):
                return digest
        process = self.start()
        return self._ended(process, Disturbance("nothing", None, "")) or ""

    def _disturbed(self, how: Disturbance) -> str | None:
        process, pace, hit = self.start(), self.numbers.choice(PACES), False

        def is_over() -> bool:
            nonlocal hit
            hit = hit or (process.poll() is None and self._disturb(process.pid, how.name, pace))
            return hit or process.poll() is not None

        eventually(is_over, every_s=0.01)
        self.told.append(how.name if hit else f"({how.name})")
        return self._ended(process, how if hit else Disturbance("nothing", None, ""))

    def _disturb(self, driver: int, name: str, pace: float) -> bool:
        """Do it if there is anything to be hit, and the drawn moment has come; return whether it was hit."""
        below = descendants(driver)
        targets = {"shards": shards(driver), "shard": shards(driver)[:1]}
        targets |= dict.fromkeys(("driver", "SIGTERM"), [driver] if below else [])
        named = [pid for pid in below if Path((command(pid).split() or [""])[0]).name == name]
        hit = targets.get(name, named)
        if not hit or self.numbers.random() >= pace:
            return False
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if name == "SIGTERM" else signal.SIGKILL)
        return True

    def _ended(self, process: subprocess.Popen[str], how: Disturbance) -> str | None:
        """Check how a process ends and what it leaves; return the digest if the run is done."""
        self.left = process.pid
        try:
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Broken(f"no end within {PATIENCE_S:g} s after {how.name}") from None
        status = process.returncode
        if status not in {0, how.status} or (status == how.status and how.words not in stderr):
            raise Broken(f"status {status} after {how.name}, with these words:\n{stderr}")
        if "Traceback" in stderr:
            raise Broken(f"a traceback after {how.name}:\n{stderr}")
        if not eventually(lambda: not in_session(process.pid), ENDING_S):
            raise Broken(f"processes are left after {how.name}: {in_session(process.pid)}")
        if left := [path.name for name in LEAVINGS for path in self.folder.glob(name)]:
            raise Broken(f"folders are left after {how.name}: {left}")
        return str(json.loads(stdout)["digest"]) if status == 0 else None


def expected(folder: Path) -> str:
    """Return the digest of the undisturbed run."""
    (folder / "soak.toml").write_text(SCENARIO)
    code = "from meterstorm.experiments.cli.main import main; main()"
    options = ["run", "soak.toml", "--workers", "0", "--json", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options], cwd=folder, capture_output=True, text=True, check=True
    )
    return str(json.loads(done.stdout)["digest"])


def main() -> int:
    """Run the chains; return the exit status."""
    given = [int(text) for text in sys.argv[1:]]
    chains, seed = (*given, *(10, 1)[len(given) :])
    broken = 0
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/tmp") as folder:
        digest = expected(Path(folder))
    for number in range(seed, seed + chains):
        folder = tempfile.mkdtemp(prefix="soak-", dir="/tmp")  # short: Ray puts sockets below it
        chain, began_s = Chain(Path(folder), random.Random(number)), time.monotonic()
        try:
            found = chain.run()
            problem = "" if found == digest else f"digest {found}, undisturbed {digest}"
        except Broken as error:
            problem = str(error)
            chain.clear()
        broken += bool(problem)
        if not problem:
            shutil.rmtree(folder, ignore_errors=True)
        outcome = f"{problem} (in {folder})" if problem else "as undisturbed"
        print(
            f"chain {number}, {time.monotonic() - began_s:.0f} s: {', '.join(chain.told)}: {outcome}", flush=True
        )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
