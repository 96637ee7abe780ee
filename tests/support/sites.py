"""Four sites, and a storm at one of them."""

WAN_S, TIMEOUT_S = 0.05, 5.0
APART = {"clients": {"failover_to": "own-site"}}

SITES = {
    "title": "four sites",
    "run": {"duration_s": 3000.0, "warmup_s": 0.0},
    "network": {"wan_latency_ms": 1000 * WAN_S},
    "servers": {"count": 8, "sites": 4, "service_ms": 50.0},
    "clients": {"count": 200, "request_timeout_s": TIMEOUT_S},
    "products": [{"licenses": 120}],
    "workload": {"launch_interval_s": 100.0, "run_time_s": 50.0},
}

STORM = {"faults": [{"servers": [0, 1], "start_s": 1000.0, "duration_s": 500.0}]}
