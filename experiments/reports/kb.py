"""The collection `kb`: every built-in scenario whose file names the Knowledge Base article that it reproduces."""

import tomllib
from collections.abc import Mapping
from typing import Any

from ..runs.results import digest_of
from ..scenario import Scenario, ScenarioError, built_in, load, source_text
from .numbers import number, plain
from .summary import Finished
from .verdicts import Reproduction, Verdict, reproductions

SCHEMA = 1


def names() -> list[str]:
    """Return the names of the collection's scenarios."""
    return [name for name in built_in() if tomllib.loads(source_text(name)).get("article")]


def load_all(overrides: Mapping[str, object]) -> dict[str, Scenario]:
    """Return the collection's scenarios by name, all with the same overrides applied.

    Raises ScenarioError with all that is wrong; a line says in which scenarios, unless it is in all.
    """
    scenarios: dict[str, Scenario] = {}
    wrong: dict[str, list[str]] = {}
    for name in names():
        try:
            scenarios[name] = load(name, overrides)
        except ScenarioError as error:
            for line in error.errors:
                wrong.setdefault(line, []).append(name)
    if wrong:
        everywhere = len(names())
        raise ScenarioError(
            line if len(where) == everywhere else f"{line} (in {', '.join(where)})"
            for line, where in wrong.items()
        )
    return scenarios


def content(finished: list[Finished]) -> dict[str, Any]:
    """Return what `meterstorm run kb --json` prints: one entry for each article."""
    return {
        "schema": SCHEMA,
        "collection": "kb",
        "digest": digest(finished),
        "articles": [_article(scenario) for scenario in finished],
    }


def digest(finished: list[Finished]) -> str:
    """Return one digest for all scenarios."""
    return digest_of([scenario.summary["digest"] for scenario in finished])


def _article(finished: Finished) -> dict[str, Any]:
    results, summary = finished.results, finished.summary
    found = reproductions(results)
    return {
        "article": results.scenario.article,
        "scenario": finished.name,
        "title": results.scenario.title,
        "seed": summary["seed"],
        "digest": summary["digest"],
        "reproduced": _all(found),
        "symptoms": [_symptom(reproduction) for reproduction in found],
    }


def _all(found: list[Reproduction]) -> bool | None:
    """Whether every symptom is reproduced; None: that cannot be judged."""
    verdicts = [reproduction.reproduced for reproduction in found]
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _symptom(reproduction: Reproduction) -> dict[str, Any]:
    case = reproduction.defect.case
    return {
        "symptom": case.symptom,
        "case": case.name,
        "baseline": case.baseline,
        "metric": case.metric,
        "reproduced": reproduction.reproduced,
        "defect": _arm(reproduction.defect),
        "cure": _arm(reproduction.cure),
        "less": number(reproduction.less),
    }


def _arm(verdict: Verdict) -> dict[str, Any]:
    return {
        "arm": verdict.arm,
        "mean": plain(verdict.here.mean),
        "ci95": plain(verdict.here.half_width),
        "excess": number(verdict.excess),
        "shown": verdict.shown,
    }
