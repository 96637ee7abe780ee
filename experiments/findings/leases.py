"""Findings on leases: grace against stalls, and renewing all of them at once."""

from .answer import Answer, Finding, prose
from .figures import Figures
from .study import Study

HOLDERS = 200
GRACE, STALL = "servers.reclaim_after_s", "faults[0].duration_s"
GRACES, STALLS = (40, 45, 50, 55, 60), (35, 40, 41, 45, 50)
OUTAGES = (10, 15, 20, 25, 30)
STUDY = Study(
    "grace",
    "storm/scenarios/stall-and-grace.toml",
    {GRACE: GRACES, STALL: STALLS},
    ["leases_lost"],
    12,
    {"clients.count": HOLDERS},
)


def _grace(figures: Figures) -> Answer:
    share = 100 / HOLDERS

    def at(grace_s: int, stall_s: int) -> dict[str, int]:
        return {GRACE: grace_s, STALL: stall_s}

    figures.claim_all("leases_lost", at(40, 40), HOLDERS, HOLDERS)
    for stall_s in STALLS:
        enough = next(grace_s for grace_s in GRACES if grace_s >= stall_s + 10)
        figures.claim_all("leases_lost", at(enough, stall_s), 0, 0)
    short = figures.claim_more("leases_lost", at(50, 41), at(55, 41), share)
    half = figures.mean("leases_lost", at(45, 40), share)
    words = prose(
        f"""
        Stall + renewal interval: 50 s for a stall of 40 s with renewals every 10 s. The age of a lease when the
        stall begins is spread over the interval h, so a grace g keeps a share (g - L) / h through a stall of L:
        none with 40 s (all {HOLDERS} were lost in every replication), all with 50 s (none was lost in any),
        {half} % lost with 45 s. One second more of stall costs {short} % of all leases at a grace of 50 s,
        which is #127352; 55 s has none.
        """
    )
    rows = [
        [f"{grace_s} s", *(figures.mean("leases_lost", at(grace_s, stall_s), share) for stall_s in STALLS)]
        for grace_s in GRACES
    ]
    heads = ["grace \\ stall: lost, %", *(f"{stall_s} s" for stall_s in STALLS)]
    stops = prose(
        """
        The number of holders was not varied: 200 renewals take 0.2 s here. Those that wait out a stall are served
        oldest first; where they are lost and tried again, see the next two answers. The reaper looks every 5 s.
        """
    )
    return Answer(words, heads, rows, stops)


COUNT, TTLS, CROWDS = "clients.count", (40, 42, 44, 46, 48, 50), (100, 400, 700)
OUTAGE = {"kind": "unreachable", "servers": [0], "start_s": 100, "duration_s": 30}
TTL = Study(
    "ttl",
    "storm/scenarios/stall-and-grace.toml",
    {COUNT: CROWDS, GRACE: TTLS},
    ["leases_lost"],
    12,
    {
        "faults": [OUTAGE],
        "servers.service_ms": 10,
        "servers.scan_s": 1,
        "products[0].licenses": 2000,
        "policies.failover": {"name": "retry-then-failover", "retries": 1000, "delay_s": 0},
    },
)


def _ttl(figures: Figures) -> Answer:
    def at(count: int, ttl_s: int) -> dict[str, int]:
        return {COUNT: count, GRACE: ttl_s}

    figures.derive("lost", lambda row: 100 * row["leases_lost"] / row[COUNT])
    figures.claim_all("lost", at(100, 40), 0, 0)
    for count in CROWDS:
        figures.claim_all("lost", at(count, 50), 0, 0)
    crowd = figures.claim_more("lost", at(700, 40), at(100, 40))
    room = figures.claim_less("lost", at(700, 44), at(700, 40))
    words = prose(
        f"""
        To the outage and the renewal interval h, 30 + 10 s here, where the store serves all n well within a
        time-out T; n / mu more was enough for every n tried. Holders whose renewals are lost try again at once,
        so that when the store is back n come within T = 5 s. With n = 100, which take 1 s, a TTL of 40 s lost
        no lease in any replication. With n = 700, which take 7 s, the same TTL loses {crowd} percentage points
        more of them, and 44 s change that by {room}. With 50 s, above 30 + 10 + n / mu, none of either was lost
        in any replication.
        """
    )
    rows = [
        [f"{count}", f"{count / 100:g} s", *(figures.mean("lost", at(count, ttl_s)) for ttl_s in TTLS)]
        for count in CROWDS
    ]
    heads = ["n", "n / mu", *(f"lost, %: TTL {ttl_s} s" for ttl_s in TTLS)]
    stops = prose(
        """
        A store that counts TTLs anew when it is back, as a newly elected leader does, has the outage's 30 s
        less to allow for. Where h does not grow with n, renewals alone are too much for the store at n = h mu,
        1000 here: then let it grow, as Nomad does. Far beyond n / mu = T see the next answer.
        """
    )
    return Answer(words, heads, rows, stops)


RENEWALS = Study(
    "renewals",
    "findings/scenarios/renewals.toml",
    {GRACE: [38, 42], STALL: OUTAGES},
    ["leases_lost", "messages"],
    12,
)


def _renewals(figures: Figures) -> Answer:
    share = 100 / HOLDERS

    def at(arm: str, outage_s: int, grace_s: int = 38) -> dict[str, object]:
        return {"arm": arm, STALL: outage_s, GRACE: grace_s}

    def lost(arm: str, outage_s: int, grace_s: int) -> str:
        return figures.mean("leases_lost", at(arm, outage_s, grace_s), share)

    often, hurried, next_time = "10 s, hurried", "20 s, hurried", "20 s, next time"
    for outage_s in (10, 15):
        figures.claim_all("leases_lost", at(hurried, outage_s), 0, 0)
    for outage_s in (10, 15, 20, 25):
        figures.claim_all("leases_lost", at(often, outage_s), 0, 0)
    saved = figures.claim_less("messages", at(hurried, 10), at(often, 10))
    costs = figures.claim_more("leases_lost", at(hurried, 20), at(often, 20), share)
    helps = figures.claim_less("leases_lost", at(hurried, 20), at(next_time, 20), share)
    turns = figures.claim_more("leases_lost", at(hurried, 20, 42), at(next_time, 20, 42), share)
    words = prose(
        f"""
        It sells some seconds of outage for half the load. Renewals every 20 s in place of 10 change what
        {HOLDERS} holders send in a quarter of an hour by {saved} messages. With hurry after a failure an outage
        of 15 s takes no lease of either. One of 20 s takes {costs} percentage points of them; with renewals
        every 10 s none is lost in 20 s, or 25.
        Hurry helps where the next renewal would come too late: with a grace of 38 s it
        changes the loss at 20 s by {helps} points, beside waiting for the next turn. What counts is the last try
        before the grace is over, and not how many there are: with a grace of 42 s the turn after the next comes
        in time, 40 s after the last success, and hurry, whose tries then fall at about 38 s and 45 s, is
        {turns} points beside it.
        """
    )
    rows = [
        [f"{grace_s} s", arm, *(lost(arm, outage_s, grace_s) for outage_s in OUTAGES)]
        for grace_s in (38, 42)
        for arm in (often, hurried, next_time)
    ]
    heads = ["grace", "renewals", *(f"lost, %: {outage_s} s away" for outage_s in OUTAGES)]
    stops = prose(
        """
        Where a failed try is known at once: here it takes the time-out of 5 s, which is most of the time between
        hurried tries. The pauses are the kubelet's, from 0.2 to 7 s; those of the proposal, 10 s and then 5,
        were not run. Where the store cannot take the crowd that hurries, see the next answers.
        """
    )
    return Answer(words, heads, rows, stops)


LAST, LOAD = "time_to_last_client_s", "amplification"
COUNTS = (200, 500, 900)
COLLAPSE = Study("collapse", "lease-collapse", {"clients.count": COUNTS}, [LAST, LOAD], 13)
RESTART = "restart with an empty queue"
CURES = ("jitter", "shedding by age", "newest first", "longer time-out", "longer TTL", "throttle")


def _collapse(figures: Figures) -> Answer:
    def at(count: int, arm: str = "as it was") -> dict[str, object]:
        return {"clients.count": count, "arm": arm}

    for count in (200, 500):
        figures.claim_all(LAST, at(count), 0, 60)
    figures.claim_all(LAST, at(900), float("inf"), float("inf"))
    figures.claim_all(LAST, at(900, RESTART), float("inf"), float("inf"))
    saved = [figures.claim_less(LAST, at(900, arm), at(900)) for arm in CURES]
    assert len(saved) == len(CURES)
    longer = figures.claim_more(LAST, at(900, "throttle"), at(900, "jitter"))
    words = prose(
        f"""
        Yes, where renewing all of them takes longer than the time-out by a factor. N holders ask anew a pause w
        after each time-out T of 10 s; mu is 25 renewals a second. With N / (mu T) = 0.8 the last one is served
        after {figures.mean(LAST, at(200))} s, which is T + w, and with 2 after {figures.mean(LAST, at(500))} s,
        which is N / mu. With 3.6 it is never over: an hour after the store is back not all have a lease, in any
        replication. The border is c + sqrt(2 c), c = (T + w) / T, so 2.6 here;
        `tests/evidence/theory/test_lease_collapse.py` holds it to 15 %. Each of these ends it at
        900 holders: jitter (last holder after {figures.mean(LAST, at(900, "jitter"))} s), a queue of half a
        time-out ({figures.mean(LAST, at(900, "shedding by age"))} s, which is N / mu), serving the newest first
        ({figures.mean(LAST, at(900, "newest first"))} s, likewise), a time-out above N / mu
        ({figures.mean(LAST, at(900, "longer time-out"))} s), and a TTL of an hour, of which an outage of ten
        minutes lets a sixth run out ({figures.mean(LAST, at(900, "longer TTL"))} s). Clients that throttle
        themselves end it, too, but take {longer} s longer than with jitter: they have learned from the outage
        that nothing is accepted. A restart with an empty queue, ten minutes after the store is back, does not
        end it: the crowd is as large as before. With fewer holders there is nothing left for it to end.
        """
    )
    rows = [[arm, *(figures.mean(LAST, at(count, arm)) for count in COUNTS)] for arm in ("as it was", *CURES)]
    # With fewer holders it is over before the restart, from whose end the time would be.
    rows.append([RESTART, *("-" for _ in COUNTS[:-1]), figures.mean(LAST, at(COUNTS[-1], RESTART))])
    heads = ["last holder served after, s", *(f"N / (mu T) = {count / 250:g}" for count in COUNTS)]
    stops = prose(
        """
        Where the store cancels what has timed out, which is not modeled. Spreading expiries does not help a store
        that was away for longer than the TTL: they are spread here, by 19 % of the TTL. For more than 900 holders
        see the next answer.
        """
    )
    return Answer(words, heads, rows, stops)


SERVICE_MS = "servers.service_ms"
CALM, BEYOND = 2.0, 3.6  # N / (mu T), on either side of the border
BY_SIZE = {  # N / (mu T), with T = 10 s: how many holders, and the store's service time
    CALM: {500: 40.0, 5_000: 4.0, 50_000: 0.4, 500_000: 0.04},
    BEYOND: {1_000: 36.0, 10_000: 3.6, 100_000: 0.36, 1_000_000: 0.036},
}
WAYS = ("as it was", "newest first", "jitter", "longer time-out")
SIZES = Study(
    "sizes",
    "lease-collapse",
    {
        "clients.count": [count for sizes in BY_SIZE.values() for count in sizes],
        SERVICE_MS: [service_ms for sizes in BY_SIZE.values() for service_ms in sizes.values()],
    },
    [LAST],
    6,
    {"run.warmup_s": 1200, "run.duration_s": 1500, "products[0].licenses": 10_000_000},
    WAYS,
    zipped=True,
)


def _sizes(figures: Figures) -> Answer:
    def at(ratio: float, count: int, arm: str = "as it was") -> dict[str, object]:
        return {"clients.count": count, SERVICE_MS: BY_SIZE[ratio][count], "arm": arm}

    for count in BY_SIZE[CALM]:
        figures.claim_all(LAST, at(CALM, count), 19, 22)
    for count in BY_SIZE[BEYOND]:
        figures.claim_all(LAST, at(BEYOND, count), float("inf"), float("inf"))
        figures.claim_all(LAST, at(BEYOND, count, "newest first"), 36, 39)
        figures.claim_all(LAST, at(BEYOND, count, "jitter"), 60, 75)
        figures.claim_all(LAST, at(BEYOND, count, "longer time-out"), 40, 42)
    words = prose(
        """
        No, from 500 to a million: only N / (mu T) counts. Each crowd has a store that is faster in
        proportion. With N / (mu T) = 2 the last holder is served after N / mu, 20 s, at each size; with 3.6 not
        all have a lease five minutes after the store is back, eight times N / mu, at any size, in any
        replication. What ends it for 900 ends it for a million: serving the newest first takes N / mu, 36 s, and
        little more; jitter and a longer time-out take their own length, at each size.
        """
    )
    rows = [
        [f"{ratio:g}", f"{count:,}", *(figures.mean(LAST, at(ratio, count, arm)) for arm in WAYS)]
        for ratio, sizes in BY_SIZE.items()
        for count in sizes
    ]
    heads = ["N / (mu T)", "N", *(f"last served after, s: {arm}" for arm in WAYS)]
    stops = prose(
        """
        A store does not get faster as its crowd grows: then N is what brings it over the border, at mu T times
        2.6. Five minutes are not an hour; for that see the answer before. The store's queue has no bound here;
        where it has one, what is refused is shedding.
        """
    )
    return Answer(words, heads, rows, stops)


DROPPED = "failovers"  # each is a lease that was dropped
FIRST, LATE, NEVER = "at the first failure", "before it may have run out", "never"
AWAY = (5, 60, 80, 100, 180)
LOSSY = "0.1 % lost"
FAIL_FAST = Study(
    "failfast",
    "findings/scenarios/failfast.toml",
    {"run.seed": [1440]},
    [DROPPED, "leases_lost", "unmetered_license_hours"],
    12,
)


def _fail_fast(figures: Figures) -> Answer:
    share = 100 / HOLDERS

    def at(arm: str, away_s: int | None = None) -> dict[str, object]:
        return {"arm": arm, "case": LOSSY if away_s is None else f"{away_s} s away"}

    for away_s in AWAY[1:]:
        figures.claim_all(DROPPED, at(FIRST, away_s), HOLDERS, HOLDERS)
    for briefly_s in (None, 5, 60, 80):
        figures.claim_all(DROPPED, at(LATE, briefly_s), 0, 0)
    for away_s in (100, 180):
        figures.claim_all(DROPPED, at(LATE, away_s), HOLDERS, HOLDERS)
    figures.claim_all("leases_lost", at(NEVER, 180), HOLDERS, HOLDERS)
    for arm in (FIRST, LATE, NEVER):
        figures.claim_all("leases_lost", at(arm, 100), 0, 0)
    lossy = figures.claim_more(DROPPED, at(FIRST), at(LATE))
    brief = figures.claim_more(DROPPED, at(FIRST, 5), at(LATE, 5), share)
    unaware = figures.mean("unmetered_license_hours", at(NEVER, 180), 3600 / HOLDERS)
    words = prose(
        f"""
        The work of each holder at each hiccup, and it buys nothing. Where 0.1 % of messages are lost, {HOLDERS}
        holders drop {lossy} more leases in an hour than those that try again at the next heartbeat, who drop
        none: 300 heartbeats of two messages an hour, 0.6 drops for each holder. An API that is away for 5 s takes
        {brief} percentage points more of the leases, 5 s in 12; one that is away for a minute takes all, while who
        tries again until two intervals before the lease may have run out drops none in 80 s, in any replication.
        In 100 s and more both drop all, before anyone else may have one: after 120 s. The bound is what is
        needed: who never drops a lease takes it to be its own for {unaware} s more after it was given away, when
        the API is away for 180 s.
        """
    )
    rows = [
        [arm, *(figures.mean(DROPPED, at(arm, away_s), share) for away_s in (None, *AWAY))]
        for arm in (FIRST, LATE, NEVER)
    ]
    heads = ["dropped, of 100 leases", LOSSY, *(f"{away_s} s away" for away_s in AWAY)]
    stops = prose(
        """
        Where a heartbeat fails because another has the lease already: that is an answer, and not a failure. Clocks
        that differ, and a holder that stands still and does not notice its age, are not modeled; either way they
        are what the two intervals are for. What a drop stops, and how long its hand-over takes, is not counted:
        multiply.
        """
    )
    return Answer(words, heads, rows, stops)


FINDINGS = (
    Finding(
        "Which grace for which stall?",
        "kubernetes #121793, #127352.",
        STUDY,
        _grace,
    ),
    Finding(
        "Does it help to renew half as often, and to hurry after a failure?",
        "kubernetes #123178.",
        RENEWALS,
        _renewals,
    ),
    Finding(
        "How low may a failover TTL go for n clients?",
        "nomad #10341, #14670.",
        TTL,
        _ttl,
    ),
    Finding(
        "Do renewals of all leases collapse their store, and what ends that?",
        "AWS, messages 101925 and 5467D2; etcd #8097, #9911, #11886; nomad #14670.",
        COLLAPSE,
        _collapse,
    ),
    Finding(
        "Does that depend on how many holders there are?",
        "AWS, message 101925; etcd #8097.",
        SIZES,
        _sizes,
    ),
    Finding(
        "What does dropping a lease at the first failed heartbeat cost?",
        "akka-management #1440.",
        FAIL_FAST,
        _fail_fast,
    ),
)
