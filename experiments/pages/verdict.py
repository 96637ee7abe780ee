"""What a run found, in one sentence with its interval."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..reports.finished_runs import Run
from ..runs.folder import unfinished
from ..scenario import counted
from .markup import code, name
from .quantities import plain, spoken, value

CLEAR = 0.05  # of p, adjusted for the number of comparisons


def verdict(run: Run) -> str:
    """Return what was found, as HTML, after whether the run was interrupted."""
    return f"{_interrupted(run)}{_found(run.summary)}"


def _found(summary: dict[str, Any]) -> str:
    """Return the sentence on symptoms, else on differences between arms, else on denials."""
    if summary["symptoms"]:
        return _of_symptoms(summary["symptoms"])
    if summary["comparisons"]:
        return of_comparisons(summary["comparisons"])
    return _of_one(summary["arms"])


def _interrupted(run: Run) -> str:
    if not run.provenance.get("interrupted"):
        return ""
    done = sum(entry["replications"] for entry in run.summary["arms"])
    worlds = len(run.scenarios) * run.folder.scenario.run.replications
    return interrupted(run.folder.path, "run", done, worlds)


def interrupted(folder: Path, command: str, done: int, worlds: int) -> str:
    """Return as HTML how much was done before an interrupt, and the command that resumes or restarts the run."""
    kept = f"<strong>Interrupted: kept {done:,} of {counted(worlds, 'world')}.</strong>"
    if unfinished(folder):
        return f"{kept} {code(shlex.join(['meterstorm', 'resume', str(folder)]))} goes on. "
    again = shlex.join(["meterstorm", command, str(folder / "scenario.toml")])
    return f"{kept} {code(again)} runs all of them. "


def _of_symptoms(found: Sequence[dict[str, Any]]) -> str:
    """Return how many symptoms show in the first arm and in the last, and the excess of the first symptom."""
    first, last = found[0]["arms"][0], found[0]["arms"][-1]
    arms = [first] if first is last else [first, last]
    excess = " and ".join(_excess(found[0], arm) for arm in arms)
    case, baseline = name(found[0]["case"]), name(found[0]["baseline"])
    return (
        f"{_shown(found, arms)}: {spoken(found[0]['metric'])} in “{case}” exceeds that in “{baseline}” by {excess}"
        f"{_interval(first['excess']['ci95'])}."
    )


def _shown(found: Sequence[dict[str, Any]], arms: Sequence[dict[str, Any]]) -> str:
    judged = [[symptom["arms"][place]["shown"] for symptom in found] for place in (0, -1)]
    if None in judged[0]:
        return "One replication cannot tell which symptoms show"
    counts = [
        f"{sum(map(bool, shown))} of {len(shown)}{_under(arm)}" for shown, arm in zip(judged, arms, strict=False)
    ]
    return f"Symptoms shown: {', '.join(counts)}"


def _under(arm: dict[str, Any]) -> str:
    return f" under “{name(arm['arm'])}”" if arm["arm"] else ""


def _excess(symptom: dict[str, Any], arm: dict[str, Any]) -> str:
    words = value(symptom["metric"], arm["excess"]["mean"], arm["excess"]["ci95"], sign=True)
    return f"<strong>{words}</strong>{_under(arm)}"


def _interval(half_width: Any, confidence: float = 0.95) -> str:
    if half_width is None:
        return "; one replication has no interval"
    return f" ({100 * confidence:g} % interval)"


def of_comparisons(found: Sequence[dict[str, Any]]) -> str:
    """Return the sentence on the first clear difference, as HTML, and how many there are."""
    known = [one for one in found if one["difference"] is not None] or list(found)
    clear = [one for one in known if one["p_holm"] is not None and one["p_holm"] < CLEAR]
    telling = next(iter(clear or known))
    judged = [one for one in found if one["p_holm"] is not None]
    return f"{_difference(telling, bool(clear))}{_how_many(len(clear), len(judged))}"


def _difference(one: dict[str, Any], is_clear: bool) -> str:
    who = f"“{name(one['arm'] or one['case'] or '')}”"
    where = f" in “{name(one['case'])}”" if one["arm"] and one["case"] else ""
    metric, baseline = one["metric"], f"“{name(one['baseline'])}”"
    if _is_equal(one):
        words = _side(one, "mean", "infinite")
        return f"{who} is equal to {baseline} in {name(spoken(metric))}{where}: <strong>{words}</strong>"
    if one["difference"] is None:
        sides = f"{_side(one, 'mean', 'infinite')} against {_side(one, 'baseline_mean', 'baseline_infinite')}"
        return f"{who} has {name(spoken(metric))} {sides} of {baseline}{where}"
    words = value(metric, one["difference"], one["half_width"], sign=True)
    sides = f"{value(metric, one['mean'])} against {value(metric, one['baseline_mean'])}"
    if one["p"] is None:
        what = f"{who} differs from {baseline} in {name(spoken(metric))}{where}"
        return f"One replication cannot tell whether {what}: <strong>{words}</strong>, {sides}"
    how = "differs" if is_clear else "does not clearly differ"
    interval = _interval(one["half_width"], one["confidence"])
    what = f"{baseline} in {name(spoken(metric))}{where}"
    return f"{who} {how} from {what}: <strong>{words}</strong>{interval}, {sides}"


def _is_equal(one: dict[str, Any]) -> bool:
    """Whether the two are equal in every replication, and there is at least one."""
    if one["difference"] is None:
        return bool(0 < one["replications"] == one["infinite"] == one["baseline_infinite"])
    return bool(one["difference"] == 0 and not one["half_width"])


def _side(one: dict[str, Any], mean: str, infinite: str) -> str:
    if one[mean] is None:
        return f"inf in {one[infinite]} of {counted(one['replications'], 'replication')}"
    return value(one["metric"], one[mean])


def _how_many(clear: int, judged: int) -> str:
    if not judged:
        return "."
    are = "is" if clear == 1 else "are"
    return f"; {clear} of {counted(judged, 'comparison')} {are} clear, their number allowed for."


def _of_one(arms: Sequence[dict[str, Any]]) -> str:
    return "; ".join(_denied(one) for one in arms[:2]) + "."


def _denied(one: dict[str, Any]) -> str:
    denied, abnormal = (one["metrics"][metric] for metric in ("denial_fraction", "abnormal_denial_fraction"))
    where = f"In “{name(one['case'])}”, " if one["case"] else ""
    if denied["mean"] is None:
        words = f"request was decided in {counted(one['replications'], 'replication')}"
        return f"{where}no {words}" if where else f"No {words}"
    share = value("denial_fraction", denied["mean"], denied["ci95"])
    interval = _interval(denied["ci95"]).lstrip()
    words = f"<strong>{share}</strong> of all requests were denied {interval}".replace(" ;", ";")
    if plain(denied["mean"]) > 0:
        words += f", {value('abnormal_denial_fraction', abnormal['mean'], abnormal['ci95'])} for no good reason"
    return f"{where}{words}{_recovered(one)}"


def _recovered(one: dict[str, Any]) -> str:
    found = one["metrics"]["time_to_recover_s"]
    if found["mean"] is None:
        return ""
    if found["mean"] == "inf":
        return "; after the last fault it does not recover before the end"
    return f"; recovered {value('time_to_recover_s', found['mean'], found['ci95'])} after the last fault"


def expectations(run: Run) -> Iterator[str]:
    """Yield what a scenario expects and whether it holds, as HTML."""
    for one in run.summary["expectations"]:
        word = "met" if one["passed"] else "<strong>not met</strong>"
        subject = "" if one["on"] == "mean" else f"{one['on']} of "
        label = f"{name(one['name'])}: " if one["name"] else ""
        yield f"{label}{subject}{name(spoken(one['metric']))} {name(one['op'])} {one['value']:g}: {word}"
