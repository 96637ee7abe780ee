"""Scenarios with faults in which engine and reference must agree: what each shows, and its layers over BASE."""

from typing import Any

from support.agreed_layers import (
    BEFORE,
    DEFERRED,
    FLAPPING,
    FORGOTTEN,
    GIVE_UP_AFTER_2,
    IMMEDIATE,
    NEVER,
    ONE,
    PLENTY,
    STARTED_AGAIN,
    backoff,
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
FAULTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "slow servers": (
        "timeouts queue_s_max",
        [faults(fault("slow", {"fraction": 0.5}, 600.0, 900.0, factor=40.0)), patient(2.0, 10.0)],
    ),
    "flapping, as shipped": ("evictions failovers denials_stranded denials_ghost", [IMMEDIATE, faults(FLAPPING)]),
    "flapping, deferred": (
        "evictions failovers",
        [IMMEDIATE, faults(FLAPPING), DEFERRED, clients(programs=2), {"network": {"loss": 0.05}}],
    ),
    "flapping, not requested again": (
        "failovers unmetered_license_hours",
        [IMMEDIATE, faults(FLAPPING), clients(rerequest=False)],
    ),
    "flapping, denied users ask again": (
        "evictions waiting_users_mean",
        [IMMEDIATE, faults(FLAPPING), policy("denial", "retry", delay_s=60.0), {"network": {"loss": 0.1}}],
    ),
    "refusing": (
        "refusals failovers evictions",
        [patient(1.0, 20.0), faults(fault("refusing", [0, 1], 600.0, 600.0)), clients(programs=3)],
    ),
    "refusing, all": (
        "refusals retries time_to_last_client_s",
        [backoff(1000.0), faults(fault("refusing", "all", 600.0, 600.0)), clients(assignment="random")],
    ),
    "a crash, leases lost": (
        "refusals unmetered_license_hours",
        [servers(durable=False), patient(3.0, 30.0), faults(fault("crash", [0], 600.0, 60.0))],
    ),
    "a crash, leases durable": (
        "refusals failovers evictions",
        [patient(0.0, 0.0), faults(fault("crash", [0, 1], 600.0, 60.0, repeat_s=600.0, repeats=3))],
    ),
    "leases lost, and requested anew": (
        "leases_lost unmetered_license_hours evictions",
        [*FORGOTTEN, clients(on_lost_lease="request", programs=2), policy("denial", "retry", delay_s=60.0)],
    ),
    "leases lost, and programs stopped": (
        "leases_lost unmetered_license_hours evictions",
        [*FORGOTTEN, clients(on_lost_lease="stop"), BEFORE, {"network": {"loss": 0.05}}],
    ),
    "grants lost in crashes": (
        "unmetered_license_hours timeouts",
        [
            {"network": {"loss": 0.4}},
            servers(count=1, durable=False),
            BEFORE,
            PLENTY,
            clients(heartbeat_s=0.0),
            workload(run_time_s=10.0),
            patient(100.0, 300.0),
            faults(fault("crash", [0], 500.0, 100.0, repeat_s=700.0, repeats=5)),
        ],
    ),
    "servers that fail at random": (
        "refusals failovers time_to_last_client_s",
        [
            patient(1.0, 10.0),
            faults(
                {"kind": "crash", "servers": "all", "start_s": 0.0, "mtbf_s": 900.0, "mttr_s": 60.0},
                {
                    "kind": "slow",
                    "servers": "all",
                    "start_s": 100.0,
                    "mttr_s": 900.0,
                    "factor": 9,
                    "drawn_by": "all",
                },
            ),
        ],
    ),
    "restarted one by one": (
        "refusals failovers evictions",
        [IMMEDIATE, faults(fault("crash", "all", 600.0, 60.0, stagger_s=300.0))],
    ),
    "stalls": (
        "timeouts queue_s_max denials_stranded",
        [
            servers(service_ms=1000.0),
            patient(1.0, 10.0),
            faults(fault("stall", [0, 1], 600.0, 40.0, repeat_s=300.0, repeats=8)),
        ],
    ),
    "stalls that scans and callbacks wait for": (
        "waiting_users_mean ghost_license_hours",
        [
            ONE,
            servers(callback_grace_s=20.0, reclaim_after_s=130.0, scan_s=50.0),
            policy("denial", "callback"),
            clients(heartbeat_names_leases=True, count=36),
            {"network": {"loss": 0.1}},
            patient(1.0, 10.0),
            faults({"kind": "stall", "servers": "all", "start_s": 0.0, "mtbf_s": 200.0, "mttr_s": 60.0}),
        ],
    ),
    "a cut": (
        "timeouts denials_stranded denials_misplaced gave_up",
        [NEVER, faults(fault("cut", [0, 1], 600.0, 1800.0, clients=[4, 15]))],
    ),
    "leases spared after crashes": (
        "ghost_license_hours unmetered_license_hours",
        [
            servers(reclaim_after_s=200.0, failover_ttl_s=400.0, scan_s=50.0),
            clients(heartbeat_s=0.0),
            faults(fault("crash", "all", 600.0, 30.0, repeat_s=900.0, repeats=3)),
        ],
    ),
    "lossy, leases named": (
        "ghost_license_hours messages_lost",
        [
            GIVE_UP_AFTER_2,
            faults(fault("loss", "all", 0.0, 3000.0, probability=0.3)),
            clients(heartbeat_names_leases=True, programs=2),
            servers(reclaim_after_s=0.0),
        ],
    ),
    "some of each request's retries": (
        "gave_up retries",
        [
            {"network": {"loss": 0.4}},
            GIVE_UP_AFTER_2,
            PLENTY,
            clients(programs=3, request_timeout_s=1.0, heartbeat_s=0.0, count=8),
            workload(run_time_s=5.0, launch_interval_s=20.0),
        ],
    ),
    "requests and heartbeats give up": (
        "gave_up retries",
        [
            {"network": {"loss": 0.4}},
            GIVE_UP_AFTER_2,
            BEFORE,
            PLENTY,
            clients(request_timeout_s=1.0, heartbeat_s=10.0, count=12),
            workload(run_time_s=30.0, launch_interval_s=20.0),
        ],
    ),
    "one server and nowhere else to go": (
        "timeouts retries",
        [ONE, IMMEDIATE, PLENTY, faults(fault("unreachable", [0], 1000.0, 900.0))],
    ),
    "grants to requests abandoned": (
        "timeouts failovers ghost_license_hours",
        [
            servers(count=2, service_ms=2000.0, reclaim_after_s=0.0),
            BEFORE,
            PLENTY,
            clients(heartbeat_s=0.0, count=30),
            workload(run_time_s=30.0, launch_interval_s=60.0),
            patient(2.0, 1.0),
            faults(fault("unreachable", [0], 100.0, 60.0, repeat_s=120.0, repeats=29)),
        ],
    ),
    "granted when nobody waits any more": (
        "timeouts failovers ghost_license_hours",
        [
            IMMEDIATE,
            BEFORE,
            PLENTY,
            servers(reclaim_after_s=0.0),
            clients(heartbeat_s=0.0, count=60),
            workload(run_time_s=20.0),
            faults(
                fault("slow", [0], 300.0, 600.0, factor=100.0),
                fault("loss", [0], 300.0, 3000.0, probability=0.6),
            ),
        ],
    ),
    "clients crash, and their ghosts are reclaimed": (
        "client_crashes leases_orphaned orphan_license_hours denials_ghost",
        [
            clients(programs=2),
            servers(reclaim_after_s=200.0, scan_s=50.0),
            faults({"kind": "client-crash", "start_s": 0.0, "mtbf_s": 600.0, "mttr_s": 60.0}),
        ],
    ),
    "clients crash, and users start again": (
        "programs_restarted orphan_license_hours failbacks ghost_license_hours",
        [
            *(IMMEDIATE, DEFERRED, failback("probe", interval_s=40.0, jitter_s=20.0), workload(arrivals="open")),
            faults(
                fault("unreachable", [0], 900.0, 600.0),
                STARTED_AGAIN,
            ),
        ],
    ),
    "a crash of all clients, whose leases are named again": (
        "programs_restarted orphan_license_hours storm_peak_ratio",
        [
            clients(heartbeat_s=60.0, heartbeat_names_leases=True, programs=3),
            offline(0.0),
            policy("denial", "retry", delay_s=60.0),
            faults(
                {"kind": "client-crash", "start_s": 900.0, "duration_s": 40.0, "stagger_s": 5.0, "restart": "all"},
                {"kind": "client-crash", "start_s": 1000.0, "duration_s": 200.0, "clients": [0, 9]},
                fault("unreachable", "all", 700.0, 600.0),
            ),
        ],
    ),
}
