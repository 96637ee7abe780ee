"""A question about a site, and its answers: by the exact oracle where it is exact, else on the engine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..logs.site import Site
from . import answers, days
from .answers import Answer
from .days import Figure
from .demand import Demand, Pool, demands
from .oracle import LOGGED, Rules

ORACLE, ENGINE = "exact oracle", "engine"


class Question(NamedTuple):
    """What is to be supposed, and what is asked."""

    rules: Rules
    product: str | None = None  # None: every one that was denied
    seats: Sequence[int] = ()
    place: Any = None  # a Place of `engine.py`; None: the exact oracle
    target: float = 0.01  # share of launches that may be truly denied
    window_s: float = 300.0
    resamples: int = days.RESAMPLES


class Found(NamedTuple):
    """The answers about one pool."""

    pool: Pool
    by: str  # ORACLE or ENGINE
    answers: list[Answer]
    needed: Figure | None  # licenses for the target; None: not asked of the engine
    warnings: list[str]


def ask(site: Site, question: Question, folder: Path) -> Iterator[Found]:
    """Yield the answers about each pool that is asked about; the engine's scenarios go into the folder.

    Raises ValueError with a finished message for what the site does not tell.
    """
    for n, demand in enumerate(_chosen(demands(site, question.window_s), question), 1):
        if question.place is None:
            yield _exactly(demand, question)
        else:
            yield _on_engine(site, demand, question, folder / str(n))


def _chosen(known: dict[Pool, Demand], question: Question) -> list[Demand]:
    if not known:
        raise ValueError("the log has no product of which licenses were granted")
    if question.product is None:
        denied = [
            demand
            for demand in known.values()
            if any(len(one.attempts_s) > one.is_granted for one in demand.launches)
        ]
        chosen = denied or list(known.values())
    else:
        chosen = [demand for pool, demand in known.items() if question.product in (pool[1], "/".join(pool))]
    names = ", ".join("/".join(pool) for pool in known)
    if not chosen:
        raise ValueError(f"--product {question.product}: licenses were granted of {names} only")
    if question.seats and len(chosen) > 1:
        raise ValueError(f"--seats is of one product; --product names it: {names}")
    return chosen


def _exactly(demand: Demand, question: Question) -> Found:
    window_s, resamples = question.window_s, question.resamples
    rows = [
        answers.exact(demand, question.rules._replace(owned=demand.owned), window_s, resamples, seats)
        for seats in (None, *question.seats)
    ]
    needed = answers.needed(demand, question.rules, window_s, resamples, question.target)
    return Found(demand.pool, ORACLE, rows, needed, list(_warnings(demand)))


def _on_engine(site: Site, demand: Demand, question: Question, folder: Path) -> Found:
    from . import engine

    owned = demand.owned[-1][1]
    if not question.seats and owned == np.inf:
        raise ValueError(
            f"{'/'.join(demand.pool)}: the log does not tell how many licenses there are; --seats does"
        )
    outages = _outages(site, demand.pool[0])
    rows, warnings = [], list(_warnings(demand))
    for seats in question.seats or [int(owned)]:
        place = folder / f"{seats} licenses"
        place.mkdir(parents=True, exist_ok=True)
        scenario = engine.scenario_of(demand, outages, question.rules, seats, question.place, place)
        outcome = engine.run(demand, question.rules, scenario)
        if outcome.suppressed:
            warnings.append(
                f"{outcome.suppressed} launches found {engine.PROGRAMS} of their user running, and count as denied"
            )
        rows.append(
            answers.answer(
                demand, outcome.fates, outcome.most_in_use, question.window_s, question.resamples, seats
            )
        )
    return Found(demand.pool, ENGINE, rows, None, warnings)


def _outages(site: Site, server: str) -> list[tuple[float, float]]:
    return [(row["start_s"], row["end_s"]) for row in site.outages.to_pylist() if row["server"] == server]


def _warnings(demand: Demand) -> Iterator[str]:
    name = "/".join(demand.pool)
    if demand.days < days.DAYS_MIN:
        yield f"{name}: the log has {demand.days} days; intervals need {days.DAYS_MIN}, so there are none"
    if any(licenses == np.inf for _, licenses in demand.owned):
        yield f"{name}: how many licenses there were the log does not always tell; then nobody is denied as logged"


def told(question: Question, found: Found) -> str:
    """Return in words who answers, and what is supposed."""
    rules = question.rules
    words = [f"{'/'.join(found.pool)}, by the {found.by}", f"denied users: {rules.denial}"]
    if rules.denial not in (LOGGED, "give-up", "callback"):
        words[-1] += f" every {rules.delay_s:g} s for {rules.patience_s:g} s"
    words += [f"at most {rules.cap} licenses a user"] if rules.cap else []
    words += [f"sessions end after {rules.timeout_s:g} s"] if rules.timeout_s < np.inf else []
    return "; ".join(words)
