"""Findings on outages: what the defect of 1999 cost, its settings, and a driver that retries slowly."""

from .answer import Answer, Finding, prose
from .figures import Figures
from .study import Study

CASES = ("brief outage", "outage over a cycle", "all servers away")
DENIED, PEAK, UNMETERED = "abnormal_denial_fraction", "attempts_per_client_hour_peak", "unmetered_license_hours"

DEFECT = Study("defect", "q226827", {"run.seed": [226827]}, [DENIED, PEAK, UNMETERED], 20)


def _defect(figures: Figures) -> Answer:
    def at(case: str, arm: str) -> dict[str, str]:
        return {"case": case, "arm": arm}

    shipped = [
        figures.claim_more(DENIED, at(case, "as shipped"), at("control", "as shipped"), 100) for case in CASES
    ]
    peak = figures.claim_more(PEAK, at(CASES[2], "as shipped"), at("control", "as shipped"))
    unmetered = figures.claim_more(UNMETERED, at(CASES[1], "as documented"), at(CASES[1], "as shipped"))
    brief, points = CASES[0], " points"
    fixed = figures.compare(DENIED, at(brief, "fixed"), at("control", "fixed"), 100, points)
    documented = figures.compare(
        DENIED, at(CASES[0], "as documented"), at("control", "as documented"), 100, " points"
    )
    deferred = figures.compare(
        DENIED, at(CASES[0], "deferred release"), at(CASES[0], "as shipped"), 100, " points"
    )
    words = prose(
        f"""
        Beyond a calm day, {shipped[0]} percentage points of all requests are denied for no good reason after
        ten minutes without one of two servers, {shipped[1]} after an hour over a balancing cycle, and
        {shipped[2]} after half an hour without any; the busiest five minutes then have {peak} attempts per
        client-hour more. With the documented behavior, ten minutes cost {documented}, but
        programs run without a license: {unmetered} hours more over the hour's outage. Giving back the lease
        that was left behind, and nothing else, changes the brief outage by {deferred}. Staying, backing
        off and naming what is held is, beside a calm
        day, {fixed}.
        """
    )
    rows = [
        [case, arm, figures.mean(DENIED, at(case, arm), 100), figures.mean(PEAK, at(case, arm)),
         figures.mean(UNMETERED, at(case, arm))]
        for case in CASES
        for arm in ("as shipped", "deferred release", "as documented", "fixed")
    ]  # fmt: skip
    heads = ["outage", "arm", "abnormal denials, %", "attempts per client-hour, peak", "unmetered, h"]
    stops = prose(
        """
        The figures are those of a site with 7.5 % more licenses than its mean demand, and of programs that run
        for hours; `meterstorm run q226827 --set products[0].licenses=...` has others.
        """
    )
    return Answer(words, heads, rows, stops)


RETRIES, DELAY = (f"arms.as documented.policies.failover.{name}" for name in ("retries", "delay_s"))
SETTINGS = Study(
    "settings",
    "q226827",
    {RETRIES: [1, 3, 10], DELAY: [60, 900, 3600]},
    [DENIED, UNMETERED],
    20,
    arms=["as documented"],
)


def _settings(figures: Figures) -> Answer:
    def at(retries: int, delay_s: int, case: str = "brief outage") -> dict[str, object]:
        return {RETRIES: retries, DELAY: delay_s, "case": case}

    hurts = figures.claim_more(UNMETERED, at(1, 60), at(1, 900))
    helps = figures.claim_less(UNMETERED, at(10, 60), at(1, 60))
    waits = figures.compare(UNMETERED, at(1, 3600), at(1, 900), unit=" hours")
    denied = figures.compare(DENIED, at(1, 60), at(1, 900), 100, " percentage points")
    words = prose(
        f"""
        What counts is that the last retry comes after the outage. One retry after a minute is over before a
        server is back that is away for ten, and then the client is offline for four hours: {hurts} unmetered
        hours, beside the default, a retry after a quarter of an hour. Ten retries a minute apart undo that:
        {helps} hours, beside one. A first retry after an hour is, beside one after a quarter of it, {waits}.
        Abnormal denials with one retry after a minute are, beside the default, {denied}.
        """
    )
    cases = ("brief outage", "all servers away")
    rows = [
        [f"{retries} x {delay_s:,} s", *(figures.mean(UNMETERED, at(retries, delay_s, case)) for case in cases),
         figures.mean(DENIED, at(retries, delay_s), 100)]
        for retries in (1, 3, 10)
        for delay_s in (60, 900, 3600)
    ]  # fmt: skip
    heads = ["retries x delay", *(f"unmetered, h: {case}" for case in cases), "abnormal denials, %: brief outage"]
    stops = "At outages that are longer than retries x delay: those end in offline use whatever the settings."
    return Answer(words, heads, rows, stops)


WAIT, LONGEST, LOAD, STORM = "wait_s_mean", "wait_s_max", "amplification", "storm_peak_ratio"
ERT_FILE = "findings/scenarios/ert.toml"
ERT = Study("ert", ERT_FILE, {"run.seed": [6934]}, [WAIT, LONGEST, LOAD, STORM], 20)
ERT_ARMS = ("ERT", "60 s + U(0, 25), always", "full jitter to 60 s", "every 10 s")


def _ert(figures: Figures) -> Answer:
    def at(case: str, arm: str) -> dict[str, str]:
        return {"case": case, "arm": arm}

    stall, restart = "stall of 25 s", "restart in 3 min"
    slower = figures.claim_more(LONGEST, at(stall, "ERT"), at(stall, "every 10 s"))
    later = figures.claim_more(LONGEST, at(restart, "ERT"), at(restart, "60 s + U(0, 25), always"))
    mean = figures.claim_more(WAIT, at(restart, "ERT"), at(restart, "full jitter to 60 s"))
    load = figures.claim_less(LOAD, at(restart, "ERT"), at(restart, "every 10 s"))
    storm = figures.claim_less(STORM, at(restart, "ERT"), at(restart, "every 10 s"))
    same = figures.compare(LOAD, at(restart, "60 s + U(0, 25), always"), at(restart, "ERT"))
    words = prose(
        f"""
        It works, and makes jobs wait longer than they need to. In a stall of 25 s the unluckiest job waits
        {slower} s more than with a try every ten seconds. In a restart of three minutes the second pause, of
        three to six minutes, adds {later} s to the longest wait, beside the first pause for all tries; jobs wait
        {mean} s more on average than with full jitter up to 60 s. What the long pauses buy is load: {load}
        attempts per launch, and {storm} mean rates in the busiest second, beside a try every ten seconds.
        With the first pause for all tries, attempts per launch are {same}, beside ERT's.
        """
    )
    rows = [
        [case, arm, *(figures.mean(metric, at(case, arm)) for metric in (WAIT, LONGEST, LOAD, STORM))]
        for case in (stall, restart)
        for arm in ERT_ARMS
    ]
    heads = ["server", "policy", "wait, s: mean", "longest", "attempts per launch", "peak, mean rates"]
    stops = prose(
        """
        Where the server cannot take the load: this one serves 50 requests a second, and is asked for about two.
        With n jobs waiting and n / mu beyond the time-out, see the collapse of leases below.
        """
    )
    return Answer(words, heads, rows, stops)


FINDINGS = (
    Finding(
        "What did the 1999 defect cost?",
        "Microsoft KB Q226827.",
        DEFECT,
        _defect,
    ),
    Finding(
        "Which documented setting helps against it, and which hurts?",
        "SMS 2.0's console help: retries from 1 to 100, a delay from 1 to 60 minutes.",
        SETTINGS,
        _settings,
    ),
    Finding(
        "Is 60 s + U(0, 25), then 3 to 6 min, right for a server that stalls for 25 s or restarts in 3 min?",
        "equinor/ert #6934, #7796.",
        ERT,
        _ert,
    ),
)
