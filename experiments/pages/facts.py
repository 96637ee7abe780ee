"""What was run: the scenario, its cases and arms and what differs between them, and how to run it again."""

import shlex
from collections.abc import Iterator
from typing import Any

from ..drawing.scales import time_in_words
from ..drawing.text import escape
from ..reports.finished_runs import Run
from ..scenario import Arm, Case, Scenario, counted, to_toml
from ..scenario.wording import show
from .markup import code, facts, folded, items, name, paragraph

AGAIN = {
    "virtual": "which gives the same digest",
    "wall": "whose digest depends on what then comes late",
}


def what_was_run(run: Run, is_alone: bool) -> str:
    """Return the facts of a run, and its scenario on demand, as HTML."""
    scenario = run.folder.scenario
    command = shlex.join(["meterstorm", "run", str(run.folder.path / "scenario.toml"), *_shards(run)])
    pairs = [
        ("scenario", name(scenario.title)),
        *([] if is_alone else [("folder", code(str(run.folder.path)))]),
        ("size", _size(scenario)),
        ("time", _time(scenario)),
        ("worlds", _worlds(run)),
        ("seed", code(str(run.summary["seed"]))),
        ("digest", code(run.summary["digest"])),
        ("again", f"{code(command)}, {AGAIN[run.summary['clock']]}"),
    ]
    return "".join([facts(pairs), *versions(scenario), _file(scenario)])


def of_scenario(scenario: Scenario) -> str:
    """Return what a scenario has of cases and arms, and its file on demand."""
    return "".join([*versions(scenario), _file(scenario)])


def _shards(run: Run) -> list[str]:
    return ["--shards", str(run.summary["shards"])] if run.summary["shards"] > 1 else []


def _size(scenario: Scenario) -> str:
    licenses = sum(product.licenses for product in scenario.products)
    return ", ".join([
        counted(scenario.clients.count, "client"),
        counted(scenario.servers.count, "server"),
        counted(scenario.servers.sites, "site"),
        f"{counted(licenses, 'license')} of {counted(len(scenario.products), 'product')}",
    ])  # fmt: skip


def _time(scenario: Scenario) -> str:
    run = scenario.run
    measured, warmup, sample = map(time_in_words, (run.duration_s, run.warmup_s, run.sample_s))
    return f"{measured} measured, after {warmup} to warm up; in samples of {sample}"


def _worlds(run: Run) -> str:
    arms = run.summary["arms"]
    most = max(entry["replications"] for entry in arms)
    words = f"{counted(sum(entry['replications'] for entry in arms), 'world')}: "
    words += f"{counted(len(arms), 'version')} (case and arm), at most {counted(most, 'replication')} of each"
    interrupted = ", <strong>interrupted before the end</strong>" if run.provenance.get("interrupted") else ""
    return f"{words}, {counted(run.summary['engine']['events'], 'event')}{interrupted}"


def versions(scenario: Scenario) -> Iterator[str]:
    """Yield what each case and each arm sets, as HTML."""
    for word, found in (("Cases", scenario.cases), ("Arms", scenario.arms)):
        if found:
            yield f"<h3>{word}</h3>" + items(map(_version, found))


def _version(one: Case | Arm) -> str:
    symptom = getattr(one, "symptom", None)
    what = f": to show “{name(symptom)}”" if symptom else ""
    return f"<strong>{name(one.name)}</strong>{what}{_changes(one.set)}"


def _changes(settings: Any) -> str:
    lines = [code(f"{key} = {show(value)}") for key, value in dict(settings or {}).items()]
    return f": {', '.join(lines)}" if lines else ": as the scenario says"


def _file(scenario: Scenario) -> str:
    words = paragraph("As run, with every key: saved as scenario.toml it runs again.", "soft")
    return folded("The scenario's file", f'{words}<pre tabindex="0">{escape(to_toml(scenario))}</pre>')


def origin(provenance: dict[str, Any]) -> str:
    """Return where the numbers come from: versions, machine and input files."""
    packages = ", ".join(f"{package} {version}" for package, version in provenance.get("packages", {}).items())
    pairs = [("packages", code(packages))]
    for word in ("python", "system", "machine", "processor", "cores", "compiler", "host", "load_average"):
        if provenance.get(word) not in (None, ""):
            pairs.append((word.replace("_", " "), code(str(provenance[word]))))
    for file in provenance.get("inputs", ()):
        pairs.append(("input", f"{code(file['path'])}, SHA-256 {code(file['sha256'])}"))
    return facts(pairs)
