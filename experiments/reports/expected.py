"""Expectations and whether they hold: in summary.json, on the screen, and as JUnit XML."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.text import Text

from ..comparisons.expectations import Judged, Observed, judge
from ..runs.results import Results
from ..scenario import Expect, counted
from .numbers import plain, shown

# What no XML 1.0 document can have, not even as a reference.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def content(results: Results) -> list[dict[str, Any]]:
    """Return an entry for each expectation."""
    return [_entry(one, results.scenario.compare.confidence) for one in judge(results)]


def _entry(judged: Judged, confidence: float) -> dict[str, Any]:
    expect = judged.expect
    return {
        "name": expect.name,
        "metric": expect.metric,
        "on": expect.on,
        "op": expect.op,
        "value": expect.value,
        "confidence": confidence,
        "passed": judged.passed,
        "observed": [_observed(one) for one in judged.observed],
    }


def _observed(one: Observed) -> dict[str, Any]:
    figure = one.figure
    mean, half_width = figure.estimate or (None, None)
    return {
        "case": one.case,
        "arm": one.arm,
        "baseline": one.baseline,
        "replications": figure.n,
        "left_out": figure.left_out,
        "infinite": figure.infinite,
        "mean": plain(mean),
        "half_width": plain(half_width),
        "passed": figure.passed,
        "why": figure.why or None,
    }


def show(console: Console, results: Results) -> None:
    """Print a line for each expectation and each arm and case in which it must hold."""
    found = judge(results)
    if found:
        confidence = results.scenario.compare.confidence
        console.print(f"Expectations, with {100 * confidence:g} % intervals:", style="italic")
    for judged in found:
        for one in judged.observed:
            console.print(_line(judged.expect, one))


def _line(expect: Expect, one: Observed) -> Text:
    verdict = Text("PASS" if one.figure.passed else "FAIL", style="green" if one.figure.passed else "bold red")
    return verdict.append(f"  {title(expect)}{_where(one)}: {_figure(one)}", style="not bold default")


def title(expect: Expect) -> str:
    """Return an expectation in words, after its name if it has one."""
    what = {
        "mean": expect.metric,
        "interval": f"interval of {expect.metric}",
        "difference": f"difference in {expect.metric}",
    }[expect.on]
    name = f"{expect.name}: " if expect.name else ""
    return f"{name}{what} {expect.op} {expect.value:.12g}"


def _where(one: Observed) -> str:
    compared = f" to {one.baseline!r}" if one.baseline is not None else ""
    names = ", ".join(repr(name) for name in (one.case, one.arm) if name is not None)
    return f" in {names}{compared}" if names else ""


def _figure(one: Observed) -> str:
    """Return what was observed, and why it cannot be judged."""
    figure, parts = one.figure, list[str]()
    if figure.infinite:
        parts.append(f"inf in {figure.infinite} of {counted(figure.n, 'replication')}")
    elif figure.estimate:
        parts.append(shown(figure.estimate, sign=one.baseline is not None))
    if figure.n and figure.left_out:
        parts.append(f"null in {counted(figure.left_out, 'more replication')}")
    return "; ".join(filter(None, [*parts, figure.why]))


def failures(results: Results) -> list[str]:
    """Return the expectations that do not hold, in words."""
    return [title(judged.expect) for judged in judge(results) if not judged.passed]


def write_junit(file: Path, results: Results) -> None:
    """Write JUnit XML: a test case for each expectation; raises OSError."""
    suites = _suites(results)
    ElementTree.indent(suites)
    file.write_bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def _suites(results: Results) -> ElementTree.Element:
    found, name = judge(results), _text(results.scenario.title)
    counts = {"tests": str(len(found)), "failures": str(sum(not one.passed for one in found)), "errors": "0"}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": name, **counts, "skipped": "0"})
    for judged in found:
        case = ElementTree.SubElement(suite, "testcase", {"classname": name, "name": _text(title(judged.expect))})
        lines = [_text(str(_line(judged.expect, one))) for one in judged.observed]
        if judged.passed:
            ElementTree.SubElement(case, "system-out").text = "\n".join(lines)
        else:
            failed = [line for line, one in zip(lines, judged.observed, strict=True) if not one.figure.passed]
            failure = ElementTree.SubElement(case, "failure", {"type": "expectation", "message": failed[0]})
            failure.text = "\n".join(lines)
    return suites


def _text(text: str) -> str:
    """Return a text that XML can have: each other sign as an escape."""
    return NOT_XML.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
