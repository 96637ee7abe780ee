"""What was fitted, for a reader: a page in Markdown, figures, and the same as JSON."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..drawing import lines
from ..drawing.figure import Figure, Key
from ..drawing.lines import Axis, Line, Plot
from . import families
from .bursts import WINDOWS_S
from .families import P_MIN, Fit
from .model import (
    BACK,
    DENIED_MIN,
    DOWN,
    OUTAGES_MIN,
    PATIENCE,
    RETRY_GAPS,
    UP,
    Model,
    Times,
    denial,
    launching,
)

DRAWN = 200  # quantiles in a figure
SHORTEST_S = 0.5
PARTS = (0.5, 0.95)
NAMES = {
    "holds": "holds",
    "intervals": "times between a user's launches",
    RETRY_GAPS: "times between a denied user's tries",
    PATIENCE: "times until denied users give up",
    UP: "times between outages",
    DOWN: "outages",
    BACK: "times until users are back",
}
BURSTS = "bursts"
FIGURES = (*(f"{name}-quantiles" for name in NAMES), BURSTS)


def text(fitted: Model, figures: Sequence[tuple[str, Figure]]) -> str:
    """Return the page; `figures` are its figures with the names of their files."""
    server, product = fitted.demand.pool
    rows = [f"# {product} of {server}, as fitted", ""]
    for chapter in CHAPTERS:
        rows += [*chapter(fitted), ""]
    shown = [f"![{one.title}]({name})\n\n{one.caption}\n" for name, one in figures]
    return "\n".join([*rows, *shown]).rstrip() + "\n"


def summary(fitted: Model) -> Iterator[str]:
    """Yield the lines that the command prints."""
    for chapter in CHAPTERS:
        yield from (line for line in chapter(fitted) if line)


def content(fitted: Model) -> dict[str, Any]:
    """Return what was fitted as JSON."""
    found, again, away = fitted.arrivals, fitted.retries, fitted.away
    return {
        "server": fitted.demand.pool[0],
        "product": fitted.demand.pool[1],
        "launches": len(fitted.demand.launches),
        "launches_per_hour": found.rate_per_s * 3600.0,
        "by_hour_of_week": [float(factor) for factor in found.factors],
        "business_share": found.business_share,
        "interval_cv": found.cv,
        "dispersion": found.dispersion,
        "bursts": {name: list(map(float, values)) for name, values in _of_bursts(fitted)},
        "intervals": _of_times(fitted.gaps),
        "holds": _of_times(fitted.holds),
        "spikes": [spike._asdict() for spike in fitted.spikes],
        "denied": {
            "launches": again.launches,
            "gave_up": again.gave_up,
            "gap_s": _quantiles(again.gaps_s),
            "patience_s": _quantiles(again.patience_s),
        },
        "outages": {"number": len(away.down_s), "mtbf_s": _mean(away.up_s), "mttr_s": _mean(away.down_s)},
        "habits": {name: [fit._asdict() for fit in times.fits] for name, times in fitted.habits.items()},
        "returns": {"lost": len(fitted.back_s), "back_s": _quantiles(_known(fitted.back_s))},
    }


def figures(fitted: Model) -> Iterator[Figure]:
    """Yield quantiles of the log beside those of each fit, and how launches follow on each other."""
    for name, times in (("holds", fitted.holds), ("intervals", fitted.gaps), *fitted.habits.items()):
        yield _quantile_plot(name, times)
    yield _plot_of_bursts(fitted)


def _plot_of_bursts(fitted: Model) -> Figure:
    rows = (("the log", fitted.bursts.seen), ("at random within the hour", fitted.bursts.at_random))
    made = [Line(Key(name, n, is_arm=False), WINDOWS_S, shares) for n, (name, shares) in enumerate(rows)]
    caption = "Launches that come within so many seconds after the one before: what is above chance are bursts."
    axes = Axis("within, s", is_log=True), Axis("share of the launches")
    return lines.figure(BURSTS, "How launches follow on each other", caption, Plot(made, *axes, top=1.0))


def _quantile_plot(name: str, times: Times) -> Figure:
    parts = (np.arange(DRAWN) + 0.5) / DRAWN
    seen = np.maximum(np.quantile(times.values, parts), SHORTEST_S)
    made = [Line(Key("the log itself", 0, is_arm=False), seen, seen)]
    for n, fit in enumerate(times.fits, 1):
        quantiles = np.maximum(families.FAMILIES[fit.name].quantile(parts, fit.mean_s, fit.cv), SHORTEST_S)
        made.append(Line(Key(f"{fit.name}: {_words_of(fit)}", n, is_arm=False), seen, quantiles))
    caption = (
        "Each fit's quantiles over those of the log: one that fits lies on the line of the log itself. "
        f"Times below {SHORTEST_S:g} s are drawn there."
    )
    plot = Plot(made, Axis("the log, s", is_log=True), Axis("the fit, s", is_log=True))
    return lines.figure(f"{name}-quantiles", f"Quantiles of {NAMES[name]}", caption, plot)


def _words_of(fit: Fit) -> str:
    return f"distance {fit.distance:.3f}, p {fit.p:.3g}"


def _arrivals(fitted: Model) -> Iterator[str]:
    found = fitted.arrivals
    yield "## Launches"
    yield ""
    yield (
        f"{len(fitted.demand.launches):,} launches of {_users(fitted):,} users, {found.rate_per_s * 3600:.3g} an "
        f"hour; {found.business_share:.0%} from Monday to Friday, 8 to 18."
    )
    yield (
        f"Times between launches have a coefficient of variation of {found.cv:.2f}. Launches an hour vary "
        f"{found.dispersion:.1f} times as much as at random, given the hour of the week."
    )
    yield from _of_fits("Times between a user's launches, in time that goes as fast as launches come", fitted.gaps)
    if launching(fitted) is not fitted.gaps.best:
        yield (
            "But users launch again while they hold a license, or seldom and in bursts, which clients of a "
            "scenario do not: in it launches come at random within the hour."
        )


def _bursts(fitted: Model) -> Iterator[str]:
    found, told = fitted.bursts, fitted.bursts.told
    yield "## Bursts"
    yield ""
    yield (
        f"{found.seen[told]:.0%} of the launches come within {WINDOWS_S[told]:.0f} s after the one before; "
        f"at random within their hour {found.at_random[told]:.0%} would."
    )
    if found.is_by_chance:
        yield "That is no more than chance has: launches do not come in bursts."
    else:
        yield (
            "So launches come in bursts, and these are not modeled: in the scenario clients launch each on their "
            "own. Where bursts matter, replay the log (`meterstorm whatif`)."
        )


def _users(fitted: Model) -> int:
    return len({launch.user for launch in fitted.demand.launches})


def _holds(fitted: Model) -> Iterator[str]:
    yield "## Sessions"
    yield ""
    yield from _of_fits("How long licenses are held", fitted.holds)
    for spike in fitted.spikes:
        yield f"{spike.share:.1%} of the sessions last about {spike.time_s:,.0f} s: an idle time-out?"


def _of_fits(what: str, times: Times) -> Iterator[str]:
    values = times.values
    middle, late = np.quantile(values, PARTS)
    yield f"{what}: mean {values.mean():,.0f} s, half below {middle:,.0f} s, 95 % below {late:,.0f} s."
    yield from _table(times)
    if times.best.name == families.EMPIRICAL:
        yield f"None fits (p < {P_MIN}): what is taken are the log's own times."
    else:
        yield f"The nearest that fits is taken: {times.best.name}."


def _table(times: Times) -> Iterator[str]:
    yield ""
    yield "| distribution | mean, s | coefficient of variation | distance | p |"
    yield "|---|--:|--:|--:|--:|"
    for fit in times.fits:
        yield f"| {fit.name} | {fit.mean_s:,.0f} | {fit.cv:.2f} | {fit.distance:.3f} | {fit.p:.3g} |"
    yield ""


def _of_habits(fitted: Model, *names: str) -> Iterator[str]:
    """Yield how well distributions fit to what a scenario has no distribution for."""
    for name in names:
        if times := fitted.habits.get(name):
            yield ""
            yield f"{NAMES[name][0].upper()}{NAMES[name][1:]}:"
            yield from _table(times)


def _retries(fitted: Model) -> Iterator[str]:
    found = fitted.retries
    yield "## Denied users"
    yield ""
    if found.launches < DENIED_MIN:
        yield f"{found.launches} launches were denied at first; {DENIED_MIN} would tell what denied users do."
        return
    yield f"{found.launches:,} launches were denied at first; {found.gave_up:.0%} of them never had a license."
    if len(found.gaps_s):
        middle, late = np.quantile(found.gaps_s, PARTS)
        yield f"Who asks again does so after {middle:,.0f} s (half), {late:,.0f} s (95 % below)."
    if len(found.patience_s):
        yield f"Who gives up has asked for {np.median(found.patience_s):,.0f} s (half)."
    told = denial(found)
    if told["name"] == "constant-retry":
        yield (
            f"The scenario's users all ask again every {told['delay_s']:,.0f} s (half of the log's gaps are "
            f"shorter), {_patience(found.half_gone_s)}."
        )
    yield from _of_habits(fitted, RETRY_GAPS, PATIENCE)


def _patience(half_gone_s: float) -> str:
    if half_gone_s == math.inf:
        return "until they have a license: fewer than half would give up"
    return f"and give up after {half_gone_s:,.0f} s, as half would who have no license"


def _outages(fitted: Model) -> Iterator[str]:
    up_s, down_s = fitted.away
    number = len(down_s)
    yield "## Outages"
    yield ""
    if number < OUTAGES_MIN:
        yield f"{number} outages; {OUTAGES_MIN} would tell how often they come: the scenario has none."
        return
    yield f"{number} outages: on average {up_s.mean():,.0f} s apart, and {down_s.mean():,.0f} s long."
    yield (
        "The scenario's times are exponential, with a coefficient of variation of 1; the log's have "
        f"{_cv(up_s):.2f} between outages, and {_cv(down_s):.2f} in them."
    )
    yield from _of_habits(fitted, UP, DOWN)


def _cv(values: Any) -> float:
    return float(values.std() / max(values.mean(), 1e-9))


def _returns(fitted: Model) -> Iterator[str]:
    back, lost = _known(fitted.back_s), len(fitted.back_s)
    yield "## Users who lost a license in an outage"
    yield ""
    yield f"{lost} licenses were lost as a server went away; {len(back)} of their users were back within an hour."
    if len(back):
        middle, late = np.quantile(back, PARTS)
        yield f"They were back {middle:,.0f} s after the server (half), {late:,.0f} s (95 % below)."
    yield from _of_habits(fitted, BACK)


def _of_bursts(fitted: Model) -> Iterator[tuple[str, Any]]:
    yield "within_s", WINDOWS_S
    yield "share", fitted.bursts.seen
    yield "at_random", fitted.bursts.at_random


def _of_times(times: Times) -> dict[str, Any]:
    taken = times.best
    return {
        "taken": {"name": taken.name, "mean_s": taken.mean_s, "cv": taken.cv},
        "fits": [fit._asdict() for fit in times.fits],
        "quantiles_s": _quantiles(times.values),
    }


def _quantiles(values: Any) -> Mapping[str, float] | None:
    if len(values) == 0:
        return None
    return {f"p{part * 100:g}": float(np.quantile(values, part)) for part in (0.05, 0.25, *PARTS, 0.99)}


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _known(values: Sequence[float | None]) -> Any:
    return np.array([value for value in values if value is not None], float)


CHAPTERS = (_arrivals, _bursts, _holds, _retries, _outages, _returns)
