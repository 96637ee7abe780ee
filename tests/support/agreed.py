"""Scenarios in which the engine and the reference must agree: what each shows, and its layers over BASE."""

import math
from typing import Any

from support.agreed_faults import FAULTS
from support.agreed_layers import (
    AWAY_FOR_LONG,
    BEFORE,
    DEFERRED,
    FLAPPING,
    IMMEDIATE,
    NEVER,
    ONE,
    PLENTY,
    RIGHTS,
    SHARED,
    TOKENS,
    TWO_PRODUCTS,
    backoff,
    by_age,
    clients,
    failback,
    fault,
    faults,
    offline,
    patient,
    policy,
    servers,
    workload,
)

# name: (what it shows, layers)
SCENARIOS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    # users
    "healthy, open, gamma": (
        "denials_misplaced suppressed",
        [workload(arrivals="open", launch="gamma", launch_cv=2.0, run_time="lognormal", run_time_cv=1.5)],
    ),
    "constant everything": (
        "grants queue_s_mean",
        [PLENTY, NEVER, workload(launch="constant", run_time="constant"), clients(count=40)],
    ),
    "a day profile, lognormal thinking": (
        "denials",
        [
            workload(launch="lognormal", launch_cv=0.5, run_time="gamma", run_time_cv=0.5),
            workload(profile=[[0.25, 2.0], [0.5, 0.1], [1.0, 1.0]]),
        ],
    ),
    "a profile of one point": ("grants", [workload(profile=[[0.0, 2.0]])]),
    "released as soon as granted": ("grants", [workload(run_time_s=0.0, launch_interval_s=40.0)]),
    "programs shorter than answers": (
        "attempts gave_up unmetered_license_hours",
        [
            {"network": {"loss": 0.2}},
            NEVER,
            PLENTY,
            workload(run_time_s=4.0, launch_interval_s=15.0),
            clients(request_timeout_s=15.0),
        ],
    ),
    "users ask again": (
        "waiting_users_mean denials_exhausted",
        [ONE, BEFORE, policy("denial", "retry", delay_s=40.0), clients(programs=2)],
    ),
    "users wait to be called": (
        "waiting_users_mean denials_exhausted",
        [ONE, BEFORE, policy("denial", "callback")],
    ),
    "users ask all servers before they wait to be called by the first": (
        "waiting_users_mean denials_exhausted failovers wait_s_mean",
        [BEFORE, policy("denial", "callback", asked_before=math.inf), clients(count=36)],
    ),
    "users back off, and give up after so many tries": (
        "waiting_users_mean denials_exhausted wait_s_mean",
        [ONE, BEFORE, policy("denial", "backoff-retry", base_s=5.0, cap_s=40.0, jitter=1.0, tries=4.0)],
    ),
    "users poll all servers until they lose patience": (
        "waiting_users_mean denials_misplaced failovers",
        [
            DEFERRED,
            servers(split=[3.0, 2.0, 1.0]),
            policy("denial", "constant-retry", delay_s=20.0, jitter=0.5, patience_s=90.0, servers=math.inf),
            clients(programs=2, assignment=[1.0, 2.0, 3.0]),
        ],
    ),
    "the next server is asked before the user is told": (
        "evictions failovers denials_misplaced timeouts",
        [
            DEFERRED,
            IMMEDIATE,
            policy("selection", "sticky-random"),
            policy("denial", "give-up", servers=2.0),
            clients(programs=2),
            faults(FLAPPING),
        ],
    ),
    "launches of several licenses": (
        "denials_misplaced denials_exhausted",
        [TOKENS, clients(programs=2)],
    ),
    "who wants several waits to be called": (
        "waiting_users_mean denials_exhausted",
        [TOKENS, servers(count=2), BEFORE, policy("denial", "callback"), clients(count=12)],
    ),
    "launches of several licenses, ghosts and a storm": (
        "denials_ghost denials_stranded evictions",
        [TOKENS, IMMEDIATE, faults(FLAPPING), policy("balancing", "periodic-demand", interval_s=400.0)],
    ),
    "shared by a client's programs": (
        "denials_exhausted denials_misplaced licenses_in_use_mean",
        [SHARED, servers(count=2), clients(programs=3)],
    ),
    "shared by a client's programs, ghosts and a storm": (
        "denials_ghost denials_misplaced failovers evictions",
        [SHARED, IMMEDIATE, faults(FLAPPING), clients(programs=3)],
    ),
    "caps, and licenses for some, who wait to be called": (
        "waiting_users_mean denials_exhausted denials_capped denials_reserved",
        [RIGHTS, servers(count=2), BEFORE, policy("denial", "callback"), clients(programs=2)],
    ),
    "caps, licenses for some, and a storm": (
        "denials_capped denials_reserved denials_misplaced denials_ghost failovers",
        [
            RIGHTS,
            IMMEDIATE,
            faults(FLAPPING),
            policy("balancing", "periodic-demand", interval_s=400.0),
            clients(programs=2),
        ],
    ),
    "two products, split and assignment by weights": (
        "denials_misplaced imbalance_mean",
        [TWO_PRODUCTS, servers(split=[1.0, 2.0, 3.0]), clients(assignment=[3.0, 2.0, 1.0], programs=2)],
    ),
    # servers
    "jitter and loss": (
        "messages_lost timeouts retries denials_ghost",
        [{"network": {"latency_ms": 50.0, "jitter_ms": 200.0, "loss": 0.1}}, patient(3.0, 5.0)],
    ),
    "a queue with a limit": (
        "overloaded retries gave_up",
        [
            servers(count=1, service_ms=2000.0, service="exponential", queue_limit=2),
            policy("failover", "retry-then-give-up", retries=3.0, delay_s=5.0),
            PLENTY,
            clients(request_timeout_s=30.0),
        ],
    ),
    "bounded admission, failing over at random": (
        "overloaded failovers",
        [
            servers(service_ms=3000.0, heartbeat_cost=0.1, release_cost=0.5),
            policy("admission", "bounded", limit=1.0),
            policy("selection", "sticky-random"),
            patient(1.0, 5.0),
            PLENTY,
            clients(request_timeout_s=10.0, programs=2),
        ],
    ),
    "overload and late answers": (
        "timeouts failovers ghost_license_hours",
        [
            servers(service_ms=3500.0, service="exponential"),
            BEFORE,
            backoff(1.0),
            clients(count=20),
            {"network": {"loss": 0.2}},
        ],
    ),
    "overload, the newest first": (
        "timeouts failovers ghost_license_hours",
        [
            servers(service_ms=3500.0, service="exponential"),
            policy("admission", "adaptive-lifo", lifo_after_s=5.0),
            BEFORE,
            backoff(1.0),
            clients(count=20),
        ],
    ),
    # offline
    "offline, allowed": (
        "offline_spells unmetered_starts refusals",
        [offline(1.0), faults(fault("crash", [0, 1], 600.0, 600.0)), servers(durable=False)],
    ),
    "offline, denied": (
        "offline_spells gave_up",
        [offline(0.0), clients(offline="deny", programs=2), faults(fault("unreachable", "all", 600.0, 900.0))],
    ),
    "offline again and again": (
        "offline_spells ghost_license_hours",
        [
            offline(0.0),
            servers(count=1, reclaim_after_s=0.0),
            workload(run_time_s=2000.0),
            faults(fault("unreachable", [0], 900.0, 1500.0)),
        ],
    ),
    # coming back
    "asked first at each launch": (
        "failbacks failovers refusals",
        [IMMEDIATE, PLENTY, failback("at-next-request"), faults(fault("refusing", [0, 1], 600.0, 600.0))],
    ),
    "back when a probe is answered, with all that runs": (
        "failbacks probes programs_moved double_grants messages_lost time_to_balance_s",
        [
            *(IMMEDIATE, failback("probe", interval_s=40.0, jitter_s=20.0), {"network": {"loss": 0.05}}),
            *(clients(failback_moves="all", programs=2), faults(fault("unreachable", [0], 300.0, 600.0))),
        ],
    ),
    "moved by age, back or on": (
        "failbacks programs_moved double_grants evictions",
        [IMMEDIATE, DEFERRED, by_age(200.0, 0.1, 0.0), faults(FLAPPING), clients(failback_moves="all")],
    ),
    "back by age, whoever answers": (
        "failbacks timeouts ghost_license_hours",
        [patient(1.0, 10.0), by_age(100.0, 0.5, 1.0), faults(fault("unreachable", [0], 300.0, 900.0))],
    ),
    "drained": (
        "failbacks probes time_to_balance_s",
        [
            *(IMMEDIATE, PLENTY, failback("drain", drain_share=0.1), clients(count=40)),
            faults(fault("crash", [0], 300.0, 300.0), fault("crash", [1], 900.0, 300.0)),
        ],
    ),
    # balancing
    "licenses follow the demand": (
        "imbalance_mean denials_misplaced",
        [
            TWO_PRODUCTS,
            policy("balancing", "periodic-demand", interval_s=600.0),
            clients(assignment=[5.0, 2.0, 1.0]),
            {"network": {"latency_ms": 100.0, "jitter_ms": 100.0}},
        ],
    ),
    "licenses follow a storm": (
        "imbalance_max failovers denials_stranded evictions",
        [
            policy("balancing", "periodic-demand", interval_s=600.0),
            IMMEDIATE,
            DEFERRED,
            faults(fault("unreachable", [0], 900.0, 1500.0), fault("refusing", [1], 1100.0, 200.0)),
        ],
    ),
    "a pool for all": (
        "denials_exhausted failovers",
        [policy("balancing", "shared-pool"), IMMEDIATE, faults(FLAPPING)],
    ),
    **FAULTS,
    "licenses of servers that are away go to the others, a tenure later": (
        "denials_stranded leases_lost unmetered_license_hours imbalance_mean",
        [
            IMMEDIATE,
            AWAY_FOR_LONG,
            servers(tenure_s=200.0),
            policy("balancing", "periodic-demand", interval_s=100.0),
        ],
    ),
    "two of three must be up": (
        "denials_exhausted failovers refusals",
        [
            IMMEDIATE,
            servers(quorum=2),
            policy("balancing", "shared-pool"),
            faults(
                {"kind": "unreachable", "servers": [0], "start_s": 100.0, "duration_s": 500.0},
                {"kind": "crash", "servers": [1], "start_s": 400.0, "duration_s": 500.0},
            ),
        ],
    ),
    "a standby takes over at once, and users wait to be called": (
        "overissued leases_lost waiting_users_mean",
        [
            IMMEDIATE,
            BEFORE,
            AWAY_FOR_LONG,
            policy("denial", "callback"),
            policy("balancing", "standby", interval_s=90.0),
        ],
    ),
    "a standby takes over after a tenure": (
        "denials_stranded failovers",
        [
            IMMEDIATE,
            AWAY_FOR_LONG,
            clients(programs=2),
            servers(tenure_s=180.0),
            policy("balancing", "standby", interval_s=90.0),
        ],
    ),
}
