"""A storm: all clients fail over at once, after a share of a window, to a server that serves one a second.

n clients in a window of W seconds are n / W a second. In a narrow window, W < n, the server is never idle: the
last one is served after n seconds, whatever the window, and has waited about n - W. In a wide one the last one is
served after about W, and hardly waits. So among windows in which nobody waits more than q, the best is n - q or a
little more, and at it the last one is served after n seconds, or a little more.
"""

from pathlib import Path
from typing import Any

CLIENTS = 50
WINDOW = "policies.failover.cap_s"

STORM = f"""
title = "storm"
[run]
duration_s = 600
warmup_s = 0
[network]
latency_ms = 0
[servers]
count = 2
split = [0, 1]
service_ms = 1000
[[products]]
licenses = {CLIENTS}
[clients]
count = {CLIENTS}
assignment = [1, 0]
heartbeat_s = 0
request_timeout_s = 550
[workload]
arrivals = "trace"
trace = "at_once.csv"
[policies.failover]
name = "full-jitter"
base_s = 1000
cap_s = 1
retries = 1
[policies.balancing]
name = "static"
[[faults]]
kind = "refusing"
servers = [0]
start_s = 0
duration_s = 600
"""


def write_storm(folder: Path) -> Path:
    """The storm's file, with its trace beside it."""
    (folder / "at_once.csv").write_text(
        "time_s,client,run_time_s\n" + "".join(f"10,{c},1e6\n" for c in range(CLIENTS))
    )
    (folder / "storm.toml").write_text(STORM)
    return folder / "storm.toml"


def drawn(low_high: Any, trials: int, replications: int = 1, seed: int = 1) -> dict[str, Any]:
    """Overrides that draw the window."""
    drawing = {"sweep.vary": {WINDOW: low_high}, "sweep.design": "random", "sweep.samples": trials}
    return {**drawing, "run.replications": replications, "run.seed": seed}
