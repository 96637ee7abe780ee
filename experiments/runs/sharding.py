"""How many shards `shards = "auto"` means: where sharing a world saves more time than it costs."""

from collections.abc import Iterator

from meterstorm.actors.cluster.cpus import cpus
from meterstorm.actors.randomness.streams import stream_keys
from meterstorm.actors.setup import spells

from ..scenario import Scenario, versions

# Starting Ray takes about five seconds, so workers must save more than that.
RAY_PAYS_FROM_S = 12.0

# CPU time of an event, and the events between two exchanges below which shards lose more time than they save.
# Measured on 2 cores with `meterstorm bench shards`.
EVENT_S = 0.2e-6
EVENTS_PER_WINDOW = 500
SERVING = {"slow", "loss", "cut"}  # kinds of faults in which a server serves, if not all or not well
EVENTS_PER_RUN = 7  # a launch, a request, its service, the answer, the end, the release, its service


def choose_shards(scenario: Scenario) -> tuple[int, str]:
    """Return how many shards `shards = "auto"` means here, and why."""
    cores = cpus()
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
    storm = 2.0 * clients.count / clients.request_timeout_s
    return max(calm, storm * _share_without_server(scenario))


def _share_without_server(scenario: Scenario) -> float:
    """Return the largest share of sites whose servers all fail at once; "any-site" makes all of them one site."""
    sites = 1 if scenario.clients.failover_to == "any-site" else scenario.servers.sites
    size = scenario.servers.count // sites
    faults_at, failed_at = (
        [0] * scenario.servers.count,
        [0] * sites,
    )  # faults at a server, failed servers at a site
    lost = largest = 0
    for _, change, server in sorted(_changes(scenario)):
        was_up, site = faults_at[server] == 0, server // size
        faults_at[server] += change
        if was_up or faults_at[server] == 0:
            lost -= failed_at[site] == size
            failed_at[site] += change
            lost += failed_at[site] == size
            largest = max(largest, lost)
    return largest / sites


def _changes(scenario: Scenario) -> Iterator[tuple[int, int, int]]:
    """Yield when a fault begins (1) or ends (-1) at a server at which none is served while it holds."""
    keys = stream_keys(scenario.run.seed, scenario.run.first_replication)
    for row in spells.lay_out(scenario, keys):
        if scenario.faults[row.entry].kind not in SERVING:
            yield int(row.start), 1, int(row.server)
            yield int(row.end), -1, int(row.server)
