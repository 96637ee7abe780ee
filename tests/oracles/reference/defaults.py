"""What a scenario means where it says nothing."""

import copy

DEFAULTS: dict = {
    "title": "untitled",
    "run": {"duration_s": 28800, "warmup_s": 3600, "seed": 1, "replications": 1, "shards": 1,
            "clock": "virtual", "sample_s": 60},
    "network": {"latency_ms": 5.0, "jitter_ms": 0.0, "loss": 0.0},
    "servers": {"count": 4, "service_ms": 200.0, "service": "constant", "queue_limit": 0, "durable": True,
                "heartbeat_cost": 1.0, "release_cost": 1.0, "reclaim_after_s": 7200, "failover_ttl_s": 0.0,
                "scan_s": 7200, "split": "even", "callback_grace_s": 60.0, "connect_cost": 1.0, "backlog": 0,
                "on_lost_connection": "keep", "connection_grace_s": 0.0, "tenure_s": 0.0,
                "quorum": 0, "sites": 1},
    "products": [{"name": "editor"}],
    "clients": {"count": 800, "programs": 1, "assignment": "round-robin", "enforcement": "after-start",
                "request_timeout_s": 5.0, "connection": "none", "keepalive_s": 0, "keepalive_misses": 3,
                "heartbeat_s": 3600, "heartbeat_spread": 0.0, "heartbeat_names_leases": False,
                "on_lost_lease": "run-on", "offline": "allow", "rerequest": True, "release_old": "lost",
                "deferred_retry_s": 60.0, "attempt_cpu_ms": 50.0, "failback_moves": "new"},
    "workload": {"arrivals": "closed", "launch_interval_s": 3600, "launch": "exponential", "launch_cv": 1.0,
                 "run_time_s": 1800, "run_time": "exponential", "run_time_cv": 1.0, "profile": [],
                 "launch_intervals": "", "run_times": ""},
    "policies": {"failover": {"name": "retry-then-failover", "retries": 3, "delay_s": 60.0},
                 "failback": {"name": "none"}, "selection": {"name": "ring"}, "admission": {"name": "fifo"},
                 "denial": {"name": "give-up"},
                 "balancing": {"name": "periodic-demand", "interval_s": 14400.0}},
    "groups": [],
    "faults": [],
}  # fmt: skip

PRODUCT = {"name": "product", "licenses": 400, "popularity": 1.0, "tokens": 1,
           "max_per_client": 0, "sharing": "none", "reserve": None}  # fmt: skip
FAULT = {"kind": "unreachable", "servers": [0], "start_s": 3600, "duration_s": 600, "repeat_s": 0,
         "repeats": 1, "stagger_s": 0, "mtbf_s": 0, "mttr_s": 0, "drawn_by": "server",
         "clients": "all", "restart": "none", "restart_delay_s": 0, "restart_delay": "constant",
         "restart_delay_cv": 1.0}  # fmt: skip


def complete(scenario: dict) -> dict:
    """The scenario with the default of every missing key; a policy is one value, replaced as a whole."""
    full = copy.deepcopy(DEFAULTS)
    for section, value in copy.deepcopy(scenario).items():
        if isinstance(value, dict):
            unknown = value.keys() - full[section].keys()
            assert not unknown, f"[{section}] has no {unknown}"
            full[section].update(value)
        else:
            full[section] = value
    full["products"] = [PRODUCT | product for product in full["products"]]
    full["faults"] = [FAULT | fault for fault in full["faults"]]
    return full
