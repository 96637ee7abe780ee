"""How many shards `shards = "auto"` means: where sharing a world saves more time than it costs."""

import os

from ..scenario import Fault, Scenario, versions

# Starting Ray takes about five seconds, so workers must save more than that.
RAY_PAYS_FROM_S = 12.0

# CPU time of an event, and the events between two exchanges below which shards lose more time than they save.
# Measured on 2 cores with `meterstorm bench shards`.
EVENT_S = 0.2e-6
EVENTS_PER_WINDOW = 500
EVENTS_PER_RUN = 7  # a launch, a request, its service, the answer, the end, the release, its service


def choose_shards(scenario: Scenario) -> tuple[int, str]:
    """Return how many shards `shards = "auto"` means here, and why."""
    cores = os.cpu_count() or 1
    rate = _events_per_s(scenario)
    seconds = rate * (scenario.run.warmup_s + scenario.run.duration_s) * EVENT_S
    window_s = _window_s(scenario)
    per_window = rate * window_s
    made = versions(scenario)
    if any(version.scenario.network.latency_ms == 0 for version in made):
        return 1, "shards need network.latency_ms > 0"
    if scenario.run.replications * len(made) >= cores:
        return 1, "there are worlds enough to keep every core busy with one of its own"
    if seconds < RAY_PAYS_FROM_S:
        return 1, f"a world takes about {seconds:.1g} s: starting Ray would take as long"
    places = scenario.servers.sites if scenario.servers.sites > 1 else scenario.clients.count
    shards = min(cores, int(per_window / EVENTS_PER_WINDOW), places)
    if shards < 2:
        why = f"shards exchange messages every {1000 * window_s:g} ms of simulated time"
        return 1, f"{why}, in which about {per_window:.3g} events happen: too few to share"
    return shards, f"about {per_window:,.0f} events happen between two exchanges: enough for {shards} shards"


def _window_s(scenario: Scenario) -> float:
    """Return how much simulated time shards (of whole sites, if there are several) go on between two exchanges."""
    network, clients = scenario.network, scenario.clients
    if scenario.servers.sites == 1:
        return network.latency_ms * 1e-3
    if clients.failover_to == "any-site" or scenario.policies.intersite.name != "none":
        return network.wan_latency_ms * 1e-3
    return max(network.wan_latency_ms * 1e-3, (scenario.run.warmup_s + scenario.run.duration_s) / 1000)


def _events_per_s(scenario: Scenario) -> float:
    """Return about how many events happen in a simulated second, at the height of a storm if all servers fail."""
    clients, work = scenario.clients, scenario.workload
    between_s = work.launch_interval_s + (work.run_time_s if work.arrivals == "closed" else 0.0)
    calm = clients.count * clients.programs * EVENTS_PER_RUN / between_s
    all_fail = any(isinstance(fault, Fault) and _stops_all(fault) for fault in scenario.faults)
    return max(calm, 2.0 * clients.count / clients.request_timeout_s if all_fail else 0.0)


def _stops_all(fault: Fault) -> bool:
    """Whether no server serves while a fault holds."""
    return fault.servers == "all" and fault.kind not in {"slow", "loss"}
