"""Break the model on purpose, one mutation at a time: does a test notice? (`make mutants`)

Each mutation is applied to a copy of the sources, which the named tests then import. A wrong model must fail an
assertion, violate an invariant of the engine, or send another shard what it must not; one that does not compile
proves nothing. Exit status 1 when a mutation survives, proves nothing, or no longer fits the sources. Arguments:
words of the mutations to try.

Most tests play a small world, which takes less time in plain Python than compiling does. So a mutation is tried
there first, and compiled where plain Python is too slow for its test, or where that does not notice it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tools.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
# Where each folder lies in the package; the package's own files come first.
FOLDERS = {
    "experiments/meterstorm": ".",
    "actors": "actors",
    "policies": "policies",
    "experiments": "experiments",
}
AT_ONCE = 2
PATIENCE_S = 900
PLAIN_CPU_S = 30  # compiling takes longer
BRIEFLY = ("sh", "-c", f'ulimit -t {PLAIN_CPU_S}; exec "$@"', "sh")
PROBE = """
import meterstorm
from meterstorm import actors, experiments, policies
print(*(path for package in (meterstorm, actors, experiments, policies) for path in package.__path__))
"""
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider")


def mutated(mutation: Mutation) -> str:
    """The file that a mutation changes; ends the program if its old text is not there once."""
    text = (ROOT / mutation.file).read_text()
    count = text.count(mutation.old)
    if count != 1:
        sys.exit(f"{mutation.name}: its old text must be there once, not {count} times:\n{mutation.old}")
    return text.replace(mutation.old, mutation.new)


def run(changed: dict[str, str], test: str, is_plain: bool, compiled: Path) -> tuple[int, str]:
    """Run a test against a copy of the sources with some files changed; return exit status and last words."""
    with tempfile.TemporaryDirectory(prefix="mutant_") as folder:
        env = copied(Path(folder), changed) | {"NUMBA_CACHE_DIR": str(compiled)}
        command = [*(BRIEFLY if is_plain else ()), *PYTEST, f"tests/{test}"]
        if is_plain:
            env["NUMBA_DISABLE_JIT"] = "1"
        try:
            done = subprocess.run(
                command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return -1, f"no end within {PATIENCE_S} s"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, failed[0] if failed else (done.stdout + done.stderr).strip()[-200:]


def copied(home: Path, changed: dict[str, str]) -> dict[str, str]:
    """Copy the sources, some files changed; return the environment in which the copy is imported."""
    package = home / "meterstorm"
    for source, target in FOLDERS.items():
        shutil.copytree(ROOT / source, package / target, ignore=shutil.ignore_patterns("__pycache__"))
    for file, text in changed.items():
        (package / file).write_text(text)
    env = os.environ | {"PYTHONPATH": str(home), "COLUMNS": "1000"}
    probe = [sys.executable, "-c", PROBE]
    paths = subprocess.run(probe, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert all(Path(path).is_relative_to(home) for path in paths), f"not the copy is imported: {paths}"
    return env


def verdict(status: int, words: str) -> tuple[str, str]:
    """Say whether a mutation was noticed, and by what."""
    test, _, reason = words.removeprefix("FAILED tests/").partition(" - ")
    if status == 0:
        return "SURVIVED", ""
    if status == 1 and re.search("InvariantViolation|TransportError: shard .*: sent ", reason):
        return "caught", f"{test} (invariant)"
    if status == 1 and reason.startswith(("assert", "AssertionError")):
        return "caught", test
    return "BROKEN", words


@cache
def passes(test: str, is_plain: bool, compiled: Path) -> bool:
    """Whether a test passes without any mutation."""
    return run({}, test, is_plain, compiled)[0] == 0


def attempt(mutation: Mutation, compiled: Path) -> tuple[str, str, str, float]:
    """Try a mutation; return its name, the verdict, by which test it was noticed, and how long that took, s."""
    started = time.monotonic()
    found, by = "BROKEN", f"{mutation.test} fails without any mutation"
    for is_plain in (True, False):
        if passes(mutation.test, is_plain, compiled):
            found, by = verdict(*run({mutation.file: mutated(mutation)}, mutation.test, is_plain, compiled))
        if found == "caught":
            break
    print(f"{found}: {mutation.name}", file=sys.stderr, flush=True)
    return mutation.name, found, by, time.monotonic() - started


def chosen(words: list[str]) -> list[Mutation]:
    """The mutations with all these words, which fit the sources."""
    found = [mutation for mutation in MUTATIONS if all(word in mutation.name for word in words)]
    if not found:
        sys.exit(f"no mutation has all these words: {' '.join(words)}")
    for mutation in found:
        mutated(mutation)
    return found


def main(words: list[str]) -> int:
    mutations = chosen(words)
    with tempfile.TemporaryDirectory(prefix="mutants_") as compiled, ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda mutation: attempt(mutation, Path(compiled)), mutations))
    width = max(len(name) for name, *_ in rows)
    for name, found, by, seconds in rows:
        print(f"{name:{width}}  {found:8}  {seconds:4.0f} s  {by}")
    return int(any(found != "caught" for _, found, *_ in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
