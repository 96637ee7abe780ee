"""How fast the engine is: one small model, in this package and in its rivals, in one run on one machine.

The programs are in `peers/`, the model is described in `peers/__init__.py`. Every program runs in a process of its
own; those of one size take turns (A B A B ...), so that other load on the machine affects them equally.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from statistics import median

from . import peers
from .peers import Sample

CLIENTS = (1_000, 10_000, 100_000, 1_000_000)

# Measured: from 0.050 (a tenth of the clients licensed) to 0.055 (in the first minute).
EVENTS_PER_CLIENT_S = 0.05

# Chance that a run of the benchmark finds a disagreement that does not exist (Bonferroni over its comparisons).
FALSE_ALARM = 0.001
COMPARED = ("events", "grants", "denials")

# Enough events to load, compile and call everything once.
WARM_UP_EVENTS = 2_000


class BenchError(Exception):
    """A program of the benchmark cannot run, or stopped."""


@dataclass(frozen=True)
class Program:
    """One program: a Python module of `peers/`, or `model.c` over the queue of `<queue>`.h."""

    name: str
    title: str
    package: str = ""  # that it needs, and whose version is reported
    queue: str = ""
    flags: tuple[str, ...] = ()  # for the C compiler


OWN = (
    Program("meterstorm_timeouts", "Meterstorm, with time-outs", "meterstorm"),
    Program("meterstorm_plain", "Meterstorm, without", "meterstorm"),
)
PEERS = (
    Program("c_wheel", "C, bucket wheel", queue="wheel"),
    Program("c_heap", "C, binary heap", queue="heap"),
    Program("cimba_events", "cimba, events", "cimba"),
    Program("python_heap", "Python, heapq"),
    Program("simpy_lean", "SimPy, fastest style", "simpy"),
    Program("simpy_messages", "SimPy, messages and time-outs", "simpy"),
)
PROGRAMS = OWN + PEERS


@dataclass(frozen=True)
class Row:
    """One repetition of one program at one size."""

    program: str
    version: str
    clients: int
    repetition: int
    seconds: float  # simulated
    cpu_s: float
    events: int
    grants: int
    denials: int
    peak_memory_bytes: int | None  # resident set of the process; None where the system has no /proc


def compiler() -> str | None:
    """Return the C compiler: $CC, else cc; None when there is none."""
    return shutil.which(os.environ.get("CC") or "cc")


def version(program: Program) -> str | None:
    """Return the version of what runs a program; None when that is not installed."""
    if program.queue:
        found = compiler()
        return found and _compiler_version(found)
    if not program.package:
        return f"CPython {sys.version.split()[0]}"
    try:
        return package_version(program.package)
    except PackageNotFoundError:
        return None


def _compiler_version(path: str) -> str:
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else path


def choose(names: Sequence[str] | None) -> tuple[list[Program], list[str]]:
    """Return our programs and the named peers (None: all) that can run here, and why others cannot.

    Raises ValueError for a name that is not one of PEERS.
    """
    known = {program.name: program for program in PEERS}
    for name in names or ():
        if name not in known:
            raise ValueError(f"--peers {name}: must be one of {', '.join(known)}")
    chosen, missing = list(OWN), []
    for program in PEERS if names is None else [known[name] for name in dict.fromkeys(names)]:
        if version(program) is not None:
            chosen.append(program)
        elif program.queue:
            missing.append(f"{program.name}: skipped, there is no C compiler (cc, or $CC)")
        else:
            missing.append(f"{program.name}: skipped, {program.package} is not installed (pip install '.[peers]')")
    return chosen, missing


def simulated_s(clients: int, events: int) -> float:
    """Return the simulated time, s, in which about `events` events happen."""
    return events / (EVENTS_PER_CLIENT_S * clients)


class Worker:
    """A program's process, which simulates what it is asked for (see `peers/__init__.py`)."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        # In a session of its own, so that Ctrl-C ends it through this process, without a traceback.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, seconds: float, seed: int) -> Sample:
        """Simulate for `seconds`; raises BenchError when the process stops."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(f"{seconds!r} {seed}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has stopped; readline below returns nothing
        fields = self.process.stdout.readline().split()
        if len(fields) != len(Sample._fields):
            raise BenchError(f"{self.name} stopped with exit status {self.process.wait()}")
        return Sample(float(fields[0]), *(int(field) for field in fields[1:]))

    def peak_memory_bytes(self) -> int | None:
        """Return the peak resident set so far; None where there is no /proc."""
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        except OSError:
            return None
        return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def worker(program: Program, clients: int) -> Iterator[Worker]:
    """A program's process; a C program is compiled first. Raises BenchError when that fails."""
    with tempfile.TemporaryDirectory(prefix="meterstorm-bench-") as folder:
        if program.queue:
            command = [_compiled(program, Path(folder)), str(clients)]
        else:
            command = [sys.executable, "-m", peers.__name__, program.name, str(clients)]
        started = Worker(program.name, command)
        try:
            yield started
        finally:
            started.end()


def _compiled(program: Program, folder: Path) -> str:
    source = Path(peers.__file__).parent / "model.c"
    target = str(folder / program.name)
    command = [
        compiler() or "cc", "-std=c99", "-O3", "-march=native", f'-DQUEUE="{program.queue}.h"',
        *program.flags, str(source), "-o", target, "-lm",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return target


def measure(
    programs: Sequence[Program],
    clients: Sequence[int],
    events: int,
    repetitions: int,
    on_progress: Callable[[float], None] = lambda done: None,
) -> list[Row]:
    """Run every program `repetitions` times at every size, in turns; raises BenchError when one stops.

    `on_progress` is told how many of the repetitions of all programs at all sizes are done.
    """
    rows: list[Row] = []
    for size in clients:
        seconds = simulated_s(size, events)
        with ExitStack() as stack:
            workers = [stack.enter_context(worker(program, size)) for program in programs]
            for started in workers:
                started.ask(simulated_s(size, WARM_UP_EVENTS), 0)
            samples = []
            for repetition in range(repetitions):
                for k, started in enumerate(workers):
                    # Different seeds: the comparison assumes that the programs are independent.
                    samples.append((k, repetition, started.ask(seconds, 1 + k * repetitions + repetition)))
                    on_progress(len(rows) + len(samples))
            memory = [started.peak_memory_bytes() for started in workers]
        for k, repetition, sample in samples:
            found = version(programs[k]) or ""
            rows.append(Row(programs[k].name, found, size, repetition, seconds, *sample, memory[k]))
    return rows


def select(rows: Iterable[Row], program: str, clients: int) -> list[Row]:
    """Return a program's repetitions at a size, in order."""
    return [row for row in rows if row.program == program and row.clients == clients]


def rate(rows: Iterable[Row], program: str, clients: int) -> float:
    """Return the median of a program's events per CPU second at a size."""
    return median(row.events / row.cpu_s for row in select(rows, program, clients))


def disagreements(rows: Sequence[Row]) -> list[str]:
    """Return where a program's counts differ from ours (with time-outs) by more than chance explains.

    Welch's t-test over independent repetitions (B. L. Welch, Biometrika 34, 1947), for the events, grants and
    denials of every other program at every size. All comparisons of a run together raise a false alarm once
    in 1,000 runs.
    """
    ours = OWN[0].name
    pairs = [pair for pair in dict.fromkeys((row.program, row.clients) for row in rows) if pair[0] != ours]
    confidence = 1.0 - FALSE_ALARM / max(1, len(pairs) * len(COMPARED))
    return [
        found
        for program, clients in pairs
        for name in COMPARED
        if (found := _disagreement(name, select(rows, program, clients), select(rows, ours, clients), confidence))
    ]


def _disagreement(name: str, there: Sequence[Row], here: Sequence[Row], confidence: float) -> str | None:
    a = [getattr(row, name) / (row.clients * row.seconds) for row in there]
    b = [getattr(row, name) / (row.clients * row.seconds) for row in here]
    from scipy import stats

    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(confidence)
    if interval.low <= 0.0 <= interval.high or a == b:
        return None
    return (
        f"{there[0].program} at {there[0].clients:,} clients: {sum(a) / len(a):.6g} {name} per client-second, "
        f"not {sum(b) / len(b):.6g}; the difference is in "
        f"[{interval.low:.3g}, {interval.high:.3g}] at {confidence:.5%}"
    )
