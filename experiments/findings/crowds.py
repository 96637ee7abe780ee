"""Findings on crowds: where backoff helps, and how far to spread connections after a restart."""

from itertools import product

from .answer import Answer, Finding, prose
from .figures import Figures
from .study import Study

RECOVERY, SERVICE, RETRIES, PAUSE = (
    "time_to_recover_s",
    "servers.service_ms",
    "policies.failover.retries",
    "policies.failover.delay_s",
)
BACKOFF = Study(
    "backoff",
    "findings/scenarios/backoff.toml",
    {SERVICE: [100, 30], RETRIES: [0, 2], PAUSE: [0, 5, 60]},
    [RECOVERY],
    13,
)
INF = float("inf")


def _backoff(figures: Figures) -> Answer:
    def at(arm: str, pause_s: int, service_ms: int = 100, retries: int = 2) -> dict[str, object]:
        return {"arm": arm, PAUSE: pause_s, SERVICE: service_ms, RETRIES: retries}

    for pause_s in (0, 5, 60):
        figures.claim_all(RECOVERY, at("open", pause_s), INF, INF)
        figures.claim_all(RECOVERY, at("open", pause_s, 30), 0, 600)
    figures.claim_all(RECOVERY, at("closed", 0), INF, INF)
    helped = [figures.claim_less(RECOVERY, at("closed", pause_s), at("closed", 0)) for pause_s in (5, 60)]
    assert len(helped) == 2
    hurried = figures.claim_less(RECOVERY, at("open", 60, 30), at("open", 0, 30))
    words = prose(
        f"""
        It helps a closed population, and those who can recover anyway. Nine launches a second and two retries
        are 27 requests a second once they time out. Where mu = 10, open launches do not recover from a slow
        minute within the hour, with a pause of 0, 5 or 60 s alike (lambda (1 + R) = 27 > mu): the pause moves
        requests, and takes none away. Ninety users who think for ten seconds ask at
        90 (1 + R) / (10 + 15 + 2 w) a second: 10.8 without a pause, which does not recover, and 7.7 with
        w = 5 s, which does in
        {figures.mean(RECOVERY, at("closed", 5))} s. Where mu = 33 > lambda (1 + R) all recover, and a pause of
        a minute makes that faster by {hurried} s for open launches.
        """
    )
    rows = [
        [f"{1000 / service_ms:.0f}/s", str(retries), f"{pause_s} s",
         *(figures.mean(RECOVERY, at(arm, pause_s, service_ms, retries)) for arm in ("open", "closed"))]
        for service_ms, retries, pause_s in product((100, 30), (2, 0), (0, 5, 60))
        if retries or not pause_s
    ]  # fmt: skip
    heads = ["mu", "retries R", "pause w", "recovery, s: open", "closed"]
    stops = prose(
        """
        At a queue that is too short to time out in, which ends the matter for both: see `load-outage` in
        [sweeps](sweeps/README.md).
        """
    )
    return Answer(words, heads, rows, stops)


LAST, DROPPED = "time_to_last_client_s", "connects_dropped"
COUNT, BACKLOG, WINDOW = "clients.count", "servers.backlog", "policies.failover.cap_s"
WINDOWS = (0.1, 1, 5, 30, 120)
RECONNECT = Study(
    "reconnect",
    "storm/scenarios/connection-storm.toml",
    {COUNT: [250, 1000], BACKLOG: [16, 4096], WINDOW: WINDOWS},
    [LAST, DROPPED],
    12,
    {"policies.failover": {"name": "full-jitter", "base_s": 1000}},
)


def _reconnect(figures: Figures) -> Answer:
    def at(count: int, backlog: int, window_s: float) -> dict[str, float]:
        return {COUNT: count, BACKLOG: backlog, WINDOW: window_s}

    figures.claim_all(DROPPED, at(1000, 16, 1), 0, 0)
    figures.claim_all(DROPPED, at(250, 16, 0.1), 0, 0)
    dropped = figures.claim_more(DROPPED, at(1000, 16, 0.1), at(1000, 16, 1))
    saved = figures.claim_less(LAST, at(1000, 16, 1), at(1000, 16, 0.1))
    longer = figures.claim_more(LAST, at(1000, 16, 30), at(1000, 16, 1))
    backlog = figures.claim_less(LAST, at(1000, 4096, 0.1), at(1000, 16, 0.1))
    words = prose(
        f"""
        Just over n times what accepting and serving one takes; more is only slower. Here a connection and what
        is asked over it take 0.3 ms, so n = 1000 need 0.3 s. A window of 0.1 s then overflows a listen queue of
        16: {dropped} connections are dropped, and their networks ask again after 1, 2 and 4 s. A window of 1 s
        drops none, in no replication, and the last client is served {saved} s from when it is with 0.1 s; with
        30 s it is {longer} s from when it is with 1 s. With a window of 0.1 s, a listen queue that holds all
        of them changes that by {backlog} s.
        """
    )
    rows = [
        [f"{count:,}", f"{queue:,}", *(figures.mean(LAST, at(count, queue, window_s)) for window_s in WINDOWS)]
        for count, queue in product((250, 1000), (16, 4096))
    ]
    heads = ["n", "listen queue", *(f"last client, s: W = {window_s:g} s" for window_s in WINDOWS)]
    stops = prose(
        """
        Where the work behind a connection is more than the accepting, as an authentication: then n times that
        counts. The window says nothing of a server that is still away when it begins; see the driver's pauses
        above.
        """
    )
    return Answer(words, heads, rows, stops)


FINDINGS = (
    Finding(
        "Where does backoff help, and where not?",
        "Brooker, “What is backoff for?”, 2022; Bronson et al., HotOS 2021.",
        BACKOFF,
        _backoff,
    ),
    Finding(
        "How much jitter after a restart, for n clients, a server and its listen queue?",
        "The built-in scenario `reconnect-storm`, after RFC 6298 and listen(2).",
        RECONNECT,
        _reconnect,
    ),
)
