"""Fuzz: fresh drawn scenarios for so many seconds, on two processes; or one scenario once more, from its file.

    python tests/tools/fuzz.py 600
    python tests/tools/fuzz.py results/fuzz/NAME.toml

A scenario that fails is left in results/fuzz, as is one whose run took the whole process with it. Exit status 1.
"""

import multiprocessing
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from meterstorm.experiments.scenario import Scenario, load, to_toml

from oracles.properties import PROPERTIES
from support import drawn

FOLDER = Path("results/fuzz")
PROCESSES = 2
ROUND = 20  # scenarios between two looks at the clock


def fuzz(seconds: float, tried: Any) -> None:
    """Check drawn scenarios until the time is up; exit status 1 at the first failure."""
    end = time.monotonic() + seconds
    file = FOLDER / f"{random.SystemRandom().getrandbits(32):08x}.toml"

    def check(scenario: Scenario) -> None:
        file.write_text(to_toml(scenario))
        PROPERTIES[scenario.title][1](scenario)
        tried.value += 1

    while time.monotonic() < end:
        for draws, _ in PROPERTIES.values():
            try:
                drawn.explore(draws, check, ROUND, random.SystemRandom().getrandbits(64))
            except Exception:
                traceback.print_exc()
                sys.exit(1)
    file.unlink(missing_ok=True)


def main(argument: str) -> int:
    if argument.endswith(".toml"):
        scenario = load(argument)
        PROPERTIES[scenario.title][1](scenario)
        print("It holds.")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    before = set(FOLDER.iterdir())
    counts = [multiprocessing.Value("q", 0) for _ in range(PROCESSES)]
    processes = [multiprocessing.Process(target=fuzz, args=(float(argument), count)) for count in counts]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(f"{sum(count.value for count in counts)} scenarios tried.")
    for file in sorted(set(FOLDER.iterdir()) - before):
        print(f"FAILED: {file}\n{file.read_text()}")
        print(f"Once more: python tests/tools/fuzz.py {file}, or meterstorm run {file}")
    return int(any(process.exitcode for process in processes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
