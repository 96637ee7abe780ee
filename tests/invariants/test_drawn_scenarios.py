"""Whatever the scenario, the books balance: hypothesis draws whole scenarios, and the engine recounts."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from meterstorm.actors import client, world
from meterstorm.actors.shard import Shard
from meterstorm.experiments.metrics import metrics
from meterstorm.experiments.scenario import to_toml, validate

FRACTIONS = [
    *("denial_fraction", "abnormal_denial_fraction", "imbalance_mean", "imbalance_max"),
    *("server_utilization_mean", "server_utilization_max"),
]
TIMES = st.sampled_from(["constant", "exponential", "lognormal", "gamma"])
LONGEST_PAUSE_S = 60.0  # of a failover policy that keeps trying


@st.composite
def failovers(draw: st.DrawFn) -> tuple[dict[str, Any], bool, bool]:
    """A failover policy, whether it may ask again without a pause, and whether it tries for ever."""
    name = draw(
        st.sampled_from(
            ["immediate", "never", "retry-then-failover", "retry-then-give-up", "sms2-documented", "full-jitter"]
        )
    )
    retries, delay_s = float(draw(st.integers(0, 3))), draw(st.floats(1.0, LONGEST_PAUSE_S))
    parameters: dict[str, Any] = {}
    if name in ("retry-then-failover", "retry-then-give-up", "sms2-documented"):
        parameters = {"retries": retries, "delay_s": delay_s}
    if name == "sms2-documented":
        parameters |= {"offline_s": draw(st.floats(10.0, 2000.0)), "jitter": draw(st.floats(0.0, 1.0))}
    if name == "full-jitter":
        parameters = {"base_s": draw(st.floats(0.5, 5.0)), "cap_s": delay_s, "retries": retries}
    hasty = name == "immediate" or (name in ("retry-then-failover", "full-jitter") and retries == 0)
    return {"name": name, **parameters}, hasty, name in ("immediate", "retry-then-failover", "full-jitter")


@st.composite
def faults(draw: st.DrawFn, servers: int, clients: int) -> dict[str, Any]:
    """A fault of any kind; it is over after 1,500 s."""
    kind = draw(st.sampled_from(["unreachable", "refusing", "crash", "slow", "loss", "cut"]))
    some = st.sets(st.integers(0, servers - 1), min_size=1).map(sorted)
    where: Any = draw(st.one_of(st.just("all"), some, st.floats(0.1, 1.0).map(lambda share: {"fraction": share})))
    fault = {
        "kind": kind,
        "servers": where,
        "start_s": float(draw(st.integers(0, 900))),
        "duration_s": draw(st.floats(1, 300)),
    }
    if draw(st.booleans()):
        fault |= {"duration_s": 40.0, "repeat_s": draw(st.floats(40.0, 150.0)), "repeats": draw(st.integers(1, 4))}
    if kind == "slow":
        fault["factor"] = draw(st.floats(0.5, 50.0))
    elif kind == "loss":
        fault["probability"] = draw(st.floats(0.0, 1.0))
    elif kind == "cut":
        fault["clients"] = sorted(draw(st.tuples(*[st.integers(0, clients - 1)] * 2)))
    return fault


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    """A scenario, and whether every program that waits must be decided soon after the faults."""
    failover, hasty, persistent = draw(failovers())
    servers = draw(st.integers(1, 4))
    hasty = hasty or (
        persistent and servers == 1
    )  # failing over to oneself takes no time and ends no row of tries
    clients = draw(st.integers(1, 8 if hasty else 60))
    programs = draw(st.integers(1, 3))
    on_denial = draw(st.sampled_from(["give-up", "retry", "callback"]))
    if on_denial == "callback":  # with 166 to 192 queued callbacks the engine asks for room for ever
        clients = min(clients, 10)
    service_ms, loss = draw(st.sampled_from([0.0, 50.0, 1000.0])), draw(st.sampled_from([0.0, 0.0, 0.05, 0.3]))
    queue_limit, admission = draw(st.sampled_from([0, 0, 1, 5])), {"name": "fifo"}
    if draw(st.integers(0, 3)) == 0:
        admission = {"name": "bounded", "limit": float(draw(st.integers(0, 5))), "retry_after_s": 1.0}
    trouble = draw(st.lists(faults(servers, clients), max_size=3))
    names, interval_s = ["a", "b", "c"][: draw(st.integers(1, 3))], draw(st.floats(60.0, 1500.0))
    calm = queue_limit == 0 and admission["name"] == "fifo" and loss == 0.0 and service_ms < 1000.0
    raw = {
        "title": "drawn",
        "run": {
            "duration_s": draw(st.floats(2400.0, 5400.0)),
            "warmup_s": draw(st.sampled_from([0.0, 300.0])),
            "seed": draw(st.integers(0, 2**62)),
        },
        "network": {
            "latency_ms": draw(st.floats(100.0, 300.0) if hasty else st.floats(1.0, 300.0)),
            "jitter_ms": draw(st.sampled_from([0.0, 0.0, 5.0, 500.0])),
            "loss": loss,
        },
        "servers": {
            "count": servers,
            "service_ms": service_ms,
            "service": draw(st.sampled_from(["constant", "exponential"])),
            "queue_limit": queue_limit,
            "durable": draw(st.booleans()),
            "heartbeat_cost": draw(st.sampled_from([0.0, 0.2, 1.0])),
            "release_cost": draw(st.sampled_from([0.0, 0.2, 1.0])),
            "reclaim_after_s": draw(st.sampled_from([0.0, 200.0, 900.0])),
            "scan_s": draw(st.floats(100.0, 900.0)),
            "callback_grace_s": draw(st.sampled_from([0.01, 1.0, 60.0])),
            "callback_cycle_s": draw(st.sampled_from([0.0, 0.0, 100.0])),
        },
        "products": [
            {
                "name": name,
                "licenses": draw(st.integers(0, clients * programs)),
                "popularity": draw(st.floats(0.1, 2)),
            }
            for name in names
        ],
        "clients": {
            "count": clients,
            "programs": programs,
            "assignment": draw(st.sampled_from(["round-robin", "random", [1.0] * servers])),
            "enforcement": draw(st.sampled_from(["after-start", "before-start"])),
            "request_timeout_s": draw(st.floats(2.0, 10.0)),
            "heartbeat_s": draw(st.sampled_from([0.0, 60.0, 500.0])),
            "heartbeat_names_leases": draw(st.booleans()),
            "on_denial": on_denial,
            "retry_denied_s": draw(st.floats(10.0, 100.0)),
            "callback_poll_s": draw(st.sampled_from([0.0, 900.0])),
            "offline": draw(st.sampled_from(["allow", "deny"])),
            "rerequest": draw(st.booleans()),
            "release_old": draw(st.sampled_from(["lost", "deferred"])),
        },
        "workload": {
            "arrivals": draw(st.sampled_from(["closed", "open"])),
            "launch_interval_s": interval_s,
            "launch": draw(TIMES),
            "launch_cv": draw(st.floats(0.2, 3.0)),
            "run_time_s": draw(st.sampled_from([0.0, 5.0, 200.0, 1000.0])),
            "run_time": draw(TIMES),
            "run_time_cv": draw(st.floats(0.2, 3.0)),
            "profile": draw(st.sampled_from([[], [[0.0, 0.2], [0.5, 2.0], [1.0, 0.5]], [[0.3, 1.0], [0.6, 0.0]]])),
        },
        "policies": {
            "failover": failover,
            "selection": {"name": draw(st.sampled_from(["ring", "sticky-random"]))},
            "admission": admission,
            "balancing": draw(
                st.sampled_from(
                    [
                        {"name": "static"},
                        {"name": "shared-pool"},
                        {"name": "periodic-demand", "interval_s": 7.0},
                        {"name": "periodic-demand", "interval_s": 400.0},
                    ]
                )
            ),
        },
        "faults": trouble,
    }
    return raw, calm and persistent and all(fault["kind"] != "slow" for fault in trouble)


# Shrinking is left out: what a smaller scenario fails at may take minutes.
@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(scenarios())
def test_the_books_balance(drawn: tuple[dict[str, Any], bool]):
    raw, decides = drawn
    scenario = validate(raw)
    note(to_toml(scenario))
    shard = Shard(scenario)
    for step in (0.1, 0.25, 0.4, 0.7, 1.0):
        shard.run(int(shard.end * step))
        shard.check()
    if decides:
        patience_s = (scenario.clients.programs + 1) * 5 * (scenario.clients.request_timeout_s + LONGEST_PAUSE_S)
        slots = shard.world.slots
        waiting = (slots["state"] == client.WAITING) & (slots["denied"] == 0)
        assert (shard.end - slots["launched"][waiting] < max(patience_s * 1e9, shard.end - last(scenario))).all()
    tally = shard.tally()
    found = metrics(scenario, tally)
    total = tally.series.sum(axis=0)
    denials = total[[world.MISPLACED, world.STRANDED, world.GHOST, world.EXHAUSTED]].sum()
    failures = total[[world.TIMEOUTS, world.REFUSALS, world.OVERLOADS]].sum()
    assert (tally.series >= 0).all()
    assert total[world.GRANTS] + denials <= total[world.ATTEMPTS] <= total[world.MESSAGES]
    assert total[world.RETRIES] <= min(failures, total[world.ATTEMPTS])
    assert total[world.FAILOVERS] + total[world.OFFLINE_SPELLS] <= failures
    assert total[world.EVICTIONS] <= denials
    assert total[world.MESSAGES_LOST] <= total[world.MESSAGES]
    assert found["denials"] == sum(found[f"denials_{c}"] for c in ("misplaced", "stranded", "ghost", "exhausted"))
    assert found["overissued"] == 0
    assert all(found[name] is None or 0 <= found[name] <= 1 for name in FRACTIONS)
    licenses = sum(product.licenses for product in scenario.products)
    assert -1e-9 <= found["licenses_in_use_mean"] <= licenses + 1e-9
    assert found["ghost_license_hours"] * 3600 <= found["licenses_in_use_mean"] * scenario.run.duration_s + 1
    assert np.all(tally.products["owned"] == [product.licenses for product in scenario.products])


def last(scenario: Any) -> int:
    """An instant after all faults, ns: until then programs may wait."""
    return int((scenario.run.warmup_s + 1700.0) * 1e9)
