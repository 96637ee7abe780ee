"""Findings on licenses: how many are enough, and what order of servers costs."""

from itertools import product

from .answer import Answer, Finding, prose
from .figures import Figures
from .study import Study

LICENSES = "products[0].licenses"
COUNTS = (20, 24, 28, 32)
SEATS = Study(
    "seats", "findings/scenarios/seats.toml", {LICENSES: COUNTS}, ["denial_fraction", "wait_s_mean"], 240
)


def _seats(figures: Figures) -> Answer:
    def at(licenses: int, arm: str) -> dict[str, object]:
        return {LICENSES: licenses, "arm": arm}

    def denied(licenses: int, who: str) -> str:
        return figures.mean("denial_fraction", at(licenses, f"{who}, denied"), 100)

    closed, opened = at(28, "closed, denied"), at(28, "open, denied")
    fewer = figures.claim_less("denial_fraction", closed, opened, 100)
    waits = figures.claim_less("wait_s_mean", at(24, "closed, waiting"), at(24, "open, waiting"))
    words = prose(
        f"""
        Count the users, not only the load. At a mean demand of 20 licenses, 28 deny {denied(28, "closed")} % of
        what 40 users ask for who think and work in turn (Engset), and {denied(28, "open")} % of what 4,000 ask
        for who launch every 100 hours, nearly whatever the state (Erlang B, within 2 %): {fewer} percentage
        points. Where the denied wait in line, 24 licenses make the first wait for less per launch than the
        second (Erlang C), by {waits} s.
        """
    )
    arms = [f"{who}, {what}" for what, who in product(("denied", "waiting"), ("closed", "open"))]
    metrics = [("denial_fraction", 100)] * 2 + [("wait_s_mean", 1)] * 2
    rows = [
        [
            str(licenses),
            *(
                figures.mean(metric, at(licenses, arm), times)
                for arm, (metric, times) in zip(arms, metrics, strict=True)
            ),
        ]
        for licenses in COUNTS
    ]
    heads = ["licenses", "denied, %: closed", "open", "mean wait, s: closed", "open"]
    stops = prose(
        """
        Waits in line are those of 40 hours: with 20 licenses for a demand of 20, the second kind's line would
        grow on. With many more users than licenses the two kinds become alike; and denied users who try again
        soon, in place of thinking as long as ever, are a third kind (`policies.denial`).
        """
    )
    return Answer(words, heads, rows, stops)


ARMS = ("ordered list", "random order", "sticky", "triad")
LOST, LOAD, GHOSTS = "lost", "amplification", "ghost_license_hours"
LISTS = Study(
    "lists",
    "findings/scenarios/lists.toml",
    {"run.seed": [100717]},
    ["launches", "grants", LOAD, GHOSTS],
    20,
)


def _lists(figures: Figures) -> Answer:
    figures.derive(LOST, lambda row: 1 - row["grants"] / row["launches"])

    def at(arm: str, case: str = "calm") -> dict[str, str]:
        return {"arm": arm, "case": case}

    sticky = figures.claim_more(LOST, at("sticky"), at("triad"), 100)
    outage = figures.claim_more(LOST, at("sticky", "outage"), at("sticky"), 100)
    listed = figures.compare(LOST, at("ordered list"), at("triad"), 100, " points")
    random = figures.compare(LOST, at("random order"), at("triad"), 100, " points")
    load = figures.claim_more(LOAD, at("ordered list"), at("random order"))
    ghosts = figures.claim_more(GHOSTS, at("ordered list", "outage"), at("ordered list"))
    words = prose(
        f"""
        Who asks one server only pays for the split: {sticky} percentage points more launches end without a
        license than with one pool of as many, and an outage of ten minutes adds {outage}. Beside one pool, asking
        all three before no is taken for an answer is {listed} in an ordered list, and {random} in a
        random order. What the list costs is load: {load} attempts per launch, beside a random order, since
        everybody asks the first server first. Seats taken twice are what an outage leaves behind: {ghosts}
        license-hours of leases without a program, until the server is back and is told.
        """
    )
    rows = [
        [arm, *(figures.mean(LOST, at(arm, case), 100) for case in ("calm", "outage")),
         figures.mean(LOAD, at(arm)), figures.mean(GHOSTS, at(arm, "outage"))]
        for arm in ARMS
    ]  # fmt: skip
    heads = ["order", "no license, %: calm", "outage", "attempts per launch", "ghosts in the outage, h"]
    stops = prose(
        """
        Where a client may not ask another server for what the first denied, as with FlexNet once something is
        checked out: that is “sticky” again. Where leases left behind are never given back
        (`clients.release_old = "lost"`), ghosts last until the server reclaims them.
        """
    )
    return Answer(words, heads, rows, stops)


FINDINGS = (
    Finding(
        "How many seats: Engset or Erlang?",
        "Engset 1918, Erlang 1917; FlexNet's queued checkout.",
        SEATS,
        _seats,
    ),
    Finding(
        "An ordered list of servers, a random order, sticky clients, or a triad?",
        "FlexNet's license search path and three-server redundancy; Foundry Q100717.",
        LISTS,
        _lists,
    ),
)
