"""What the engine takes from a scenario: the type of its input.

`experiments/scenario` has the values, checked; `experiments/README.md` says what each key means. Times are in the
unit that ends the key.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeGuard

from ..randomness import distributions
from ..state.rows import LONGEST

Distribution = Literal["constant", "exponential", "lognormal", "gamma"]
Drawn = Distribution | Literal["empirical"]
DISTRIBUTIONS = {
    "constant": distributions.CONSTANT,
    "exponential": distributions.EXPONENTIAL,
    "lognormal": distributions.LOGNORMAL,
    "gamma": distributions.GAMMA,
    "empirical": distributions.EMPIRICAL,
}


class Run(Protocol):
    """[run]"""

    duration_s: float
    warmup_s: float
    seed: int
    sample_s: float


class Network(Protocol):
    """[network]"""

    latency_ms: float
    wan_latency_ms: float
    jitter_ms: float
    loss: float


class Servers(Protocol):
    """[servers]"""

    count: int
    sites: int
    service_ms: float
    service: Literal["constant", "exponential"]
    queue_limit: int
    backend: Literal["own", "redis", "etcd", "postgres"]
    durable: bool
    heartbeat_cost: float
    release_cost: float
    connect_cost: float
    backlog: int
    on_lost_connection: Literal["keep", "free"]
    connection_grace_s: float
    reclaim_after_s: float
    failover_ttl_s: float
    tenure_s: float
    quorum: int
    scan_s: float
    callback_grace_s: float
    callback_cycle_s: float

    @property
    def split(self) -> str | Sequence[float]: ...


class Reserve(Protocol):
    """products.reserve"""

    licenses: int

    @property
    def clients(self) -> Any: ...


class Product(Protocol):
    """One of [[products]]"""

    name: str
    licenses: int
    popularity: float
    max_per_client: int
    sharing: Literal["none", "client"]

    @property
    def tokens(self) -> int | Sequence[tuple[int, float]]: ...

    @property
    def reserve(self) -> Reserve | None: ...


class Clients(Protocol):
    """[clients]"""

    count: int
    programs: int
    failover_to: Literal["any-site", "own-site"]
    enforcement: Literal["after-start", "before-start"]
    request_timeout_s: float
    connection: Literal["none", "kept"]
    keepalive_s: float
    keepalive_misses: int
    heartbeat_s: float
    heartbeat_spread: float
    heartbeat_names_leases: bool
    on_lost_lease: Literal["run-on", "request", "stop"]
    offline: Literal["allow", "deny"]
    rerequest: bool
    release_old: Literal["lost", "deferred"]
    deferred_retry_s: float
    failback_moves: Literal["new", "all"]

    @property
    def assignment(self) -> str | Sequence[float]: ...


class Workload(Protocol):
    """[workload]"""

    arrivals: Literal["closed", "open", "trace"]
    trace: str
    launch_interval_s: float
    launch: Drawn
    launch_cv: float
    launch_intervals: str
    run_time_s: float
    run_time: Drawn
    run_time_cv: float
    run_times: str
    profile: tuple[tuple[float, float], ...]


class PolicyChoice(Protocol):
    """A policy, by name."""

    name: str

    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def names(self) -> Sequence[str]: ...


class Policies(Protocol):
    """[policies]: a choice for each kind."""

    @property
    def admission(self) -> PolicyChoice: ...
    @property
    def intersite(self) -> PolicyChoice: ...
    @property
    def failback(self) -> PolicyChoice: ...
    def __iter__(self) -> Iterator[tuple[str, Any]]: ...


class Group(Protocol):
    """One of [[groups]]: clients with settings of their own; a share of them all, or a number."""

    name: str
    share: float | None
    count: int | None


class Fault(Protocol):
    """One of [[faults]]; most kinds have `servers` and `drawn_by` besides, some a `factor` and the like."""

    start_s: float
    duration_s: float
    repeat_s: float
    repeats: int
    stagger_s: float
    mtbf_s: float
    mttr_s: float

    @property
    def kind(self) -> str: ...


class ClientCrash(Fault, Protocol):
    """One that hits clients, not servers."""

    restart: Literal["none", "all"]
    restart_delay_s: float
    restart_delay: Distribution
    restart_delay_cv: float

    @property
    def clients(self) -> Any: ...


class Scenario(Protocol):
    """A scenario whose rules all hold; cases and arms are set already."""

    @property
    def run(self) -> Run: ...
    @property
    def network(self) -> Network: ...
    @property
    def servers(self) -> Servers: ...
    @property
    def products(self) -> Sequence[Product]: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def workload(self) -> Workload: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def groups(self) -> Sequence[Group]: ...
    @property
    def of_groups(self) -> Sequence["Scenario"]:
        """The scenario as it holds for each group."""

    @property
    def faults(self) -> Sequence[Fault]: ...


def members(scenario: Scenario) -> int:
    """Return how many servers each site has."""
    return scenario.servers.count // scenario.servers.sites


def choices(scenario: Scenario) -> int:
    """Return how many servers a client's selection policy chooses among."""
    return scenario.servers.count if scenario.clients.failover_to == "any-site" else members(scenario)


def shares(product: Product) -> bool:
    """Whether a client's programs of a product share its licenses at a server."""
    return product.sharing == "client"


def samples(scenario: Scenario) -> int:
    """Return how many samples the time series has, the warm-up among them."""
    return 1 + math.ceil(scenario.run.duration_s / scenario.run.sample_s - 1e-9)


def is_failback(scenario: Scenario) -> bool:
    """Whether clients change their server without a failure, too."""
    return scenario.policies.failback.name != "none"


def is_client_crash(fault: Fault) -> TypeGuard[ClientCrash]:
    """Whether a fault hits clients, not servers."""
    return fault.kind == "client-crash"


def ns(seconds: float) -> int:
    """Return a time in ns, rounded; LONGEST at the most."""
    return round(min(seconds * 1_000_000_000, LONGEST))


def share_of(fraction: float, count: int) -> int:
    """Return how many of `count` a share is, rounded up: what a float exceeds a whole number by is not a part."""
    return math.ceil(fraction * count - 1e-9)
