"""The tables of a scenario file: every key with its type, its range, its default and its meaning."""

from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from .choices import resolver
from .facts import GIVEN, Facts
from .faults import AnyFault, Fault
from .groups import OF_A_GROUP, Group
from .judgements import Compare, Expect
from .policy_table import Policies
from .products import Product
from .rules import broken_rules
from .servers import Servers
from .values import (
    Allowed,
    Article,
    Count,
    Design,
    DrawnTimes,
    Flag,
    Loss,
    Milliseconds,
    Name,
    Overrides,
    Point,
    Positive,
    PositiveSeconds,
    Probability,
    Seconds,
    Seed,
    Table,
    Text,
    Vary,
    Weights,
    Whole,
)


class Run(Table):
    """How long a scenario runs, how often, and on what."""

    duration_s: PositiveSeconds = Field(default=28800.0, description="Measured time, after the warm-up.")
    warmup_s: Seconds = Field(
        default=3600.0, description="Time simulated before the measured time, and not measured."
    )
    seed: Seed = Field(default=1, description="Root of all random numbers: equal scenario and seed, equal digest.")
    replications: Count = Field(default=1, description="Independent replications, each reproducible by itself.")
    first_replication: Whole = Field(
        default=0, description="Number of the first one: 7 and one replication give the eighth of ten, alone."
    )
    shards: Annotated[Count | Literal["auto"], Allowed('an integer >= 1 or "auto"')] = Field(
        default=1,
        description="Ray actors that share each world; 1: this process, without Ray; "
        '"auto": as many as pay. More than 1 needs network.latency_ms > 0.',
    )
    clock: Annotated[Literal["virtual", "wall"], Allowed()] = Field(
        default="virtual",
        description="Simulated time, or real: servers and shards of clients are processes that faults strike.",
    )
    pace: Positive = Field(default=1.0, description="Seconds of the world that pass in one of the wall clock.")
    sample_s: PositiveSeconds = Field(default=60.0, description="Width of a sample of the time series.")


class Network(Table):
    """The network between any two agents."""

    latency_ms: Milliseconds = Field(
        default=5.0, description="One-way latency, constant part; 0 only with one shard."
    )
    wan_latency_ms: Milliseconds = Field(
        default=50.0, description="The same between agents of different sites; at least latency_ms."
    )
    jitter_ms: Milliseconds = Field(default=0.0, description="Mean of an exponential part added to each latency.")
    loss: Loss = Field(default=0.0, description="Probability that a message is lost.")


class Clients(Table):
    """The client computers, all alike but for what `[[groups]]` set."""

    count: Count = Field(default=800, description="Number of clients at all sites.")
    programs: Annotated[int, Field(strict=True, ge=1, le=32), Allowed("an integer from 1 to 32")] = Field(
        default=1, description="Metered programs that a client may run at once."
    )
    assignment: Annotated[
        Literal["round-robin", "random"] | Weights,
        Allowed('"round-robin", "random" or a list of weights, numbers >= 0'),
    ] = Field(default="round-robin", description="Each client's first server, among those of its own site.")
    failover_to: Annotated[Literal["any-site", "own-site"], Allowed()] = Field(
        default="any-site",
        description="Servers that the selection policy chooses from: all, numbered on from the first of the "
        "client's own site (and round), or those of its own site.",
    )
    enforcement: Annotated[Literal["after-start", "before-start"], Allowed()] = Field(
        default="after-start",
        description="A program runs while its answer is awaited, until a denial; or from its grant on.",
    )
    request_timeout_s: PositiveSeconds = Field(
        default=5.0, description="No answer within this time is a link failure."
    )
    connection: Annotated[Literal["none", "kept"], Allowed()] = Field(
        default="none",
        description="Whether requests and heartbeats go over a connection that a client keeps to its server, and "
        "whose loss in a crash it notices at once.",
    )
    keepalive_s: Seconds = Field(
        default=0.0,
        description="Time between two keep-alives of a connection, which the server's host answers; 0: none.",
    )
    keepalive_misses: Count = Field(
        default=3, description="Keep-alives in a row without an answer after which a connection is lost."
    )
    heartbeat_s: Seconds = Field(
        default=3600.0, description="Time between two heartbeats of a client that holds a lease; 0: none."
    )
    heartbeat_spread: Probability = Field(
        default=0.0,
        description="How much longer each of these times may be, as a share: drawn uniformly each time.",
    )
    heartbeat_names_leases: Flag = Field(
        default=False,
        description="Whether a heartbeat names the leases in use; the server frees the client's others.",
    )
    on_lost_lease: Annotated[Literal["run-on", "request", "stop"], Allowed()] = Field(
        default="run-on",
        description="What becomes of a program whose lease the server does not know any more, as the answer to a "
        "heartbeat that names leases says: it runs on without, is requested anew at once, or is stopped.",
    )
    offline: Annotated[Literal["allow", "deny"], Allowed()] = Field(
        default="allow", description="What becomes of launches while offline: they run unmetered, or are denied."
    )
    rerequest: Flag = Field(
        default=True,
        description="Whether running programs are requested again at a server that the client fails over to.",
    )
    release_old: Annotated[Literal["lost", "deferred"], Allowed()] = Field(
        default="lost",
        description="Leases left at an unreachable server: lost (a ghost stays), or released once it answers.",
    )
    deferred_retry_s: PositiveSeconds = Field(
        default=60.0, description="How often a kept release is offered, until it is settled."
    )
    failback_moves: Annotated[Literal["new", "all"], Allowed()] = Field(
        default="new",
        description="What moves with a client that changes its server without a failure: what it asks from then "
        "on, or all: what runs is requested at the new server, too, and then the old lease is released.",
    )
    attempt_cpu_ms: Milliseconds = Field(default=50.0, description="CPU time of the client for one attempt.")


class Workload(Table):
    """When programs are launched and for how long they run."""

    arrivals: Annotated[Literal["closed", "open", "trace"], Allowed()] = Field(
        default="closed",
        description="closed: users think, launch, run, and think again; open: launches come whatever the state; "
        "trace: they are read from a file.",
    )
    trace: Text = Field(
        default="",
        description="CSV or Parquet file with time_s, client, run_time_s, product, and maybe count (licenses of a "
        "launch; else as its product's tokens say); relative to the scenario file; "
        'only with arrivals = "trace".',
    )
    launch_interval_s: PositiveSeconds = Field(
        default=3600.0,
        description="Mean think time of a program's slot (closed), or time between a client's launches (open).",
    )
    launch: DrawnTimes = Field(
        default="exponential", description="Distribution of that time; empirical: drawn from launch_intervals."
    )
    launch_cv: Positive = Field(default=1.0, description="Its coefficient of variation, if lognormal or gamma.")
    launch_intervals: Text = Field(
        default="",
        description="CSV or Parquet file whose column launch_interval_s has the times that an empirical one is "
        "drawn from, in place of launch_interval_s; relative to the scenario file.",
    )
    run_time_s: Seconds = Field(default=1800.0, description="Mean run time; 0: released as soon as granted.")
    run_time: DrawnTimes = Field(
        default="exponential", description="Distribution of run times; empirical: drawn from run_times."
    )
    run_time_cv: Positive = Field(
        default=1.0, description="Their coefficient of variation, if lognormal or gamma."
    )
    run_times: Text = Field(
        default="",
        description="CSV or Parquet file whose column run_time_s has the times that empirical ones are drawn "
        "from, in place of run_time_s, such as a trace; relative to the scenario file.",
    )
    profile: tuple[Point, ...] = Field(
        default=(),
        description="Day profile of launches: [[hour, factor], ...], linear in between, repeated at its end.",
    )


class Arm(Table):
    """A version to compare, in every case and at common random numbers."""

    name: Name = Field(description="Its name, which no other of the list has.", examples=["as shipped"])
    set: Overrides = Field(
        default={}, description="Keys that it changes; run, cases, arms, compare and expect are the same for all."
    )


class Case(Arm):
    """Conditions under which every arm runs.

    With symptom, metric and baseline it shows a symptom where the metric exceeds that of the baseline case. The
    first arm has the defect, the last one its cure.
    """

    symptom: Name | None = Field(default=None, description="What is seen, in words.")
    metric: Name | None = Field(
        default=None,
        description="Metric of the summary whose excess shows the symptom; groups.NAME.METRIC: that of a group.",
    )
    baseline: Name | None = Field(default=None, description="Name of the case without it.")


class Sweep(Table):
    """What `meterstorm sweep` varies; `run` does not look at it."""

    vary: Vary = Field(
        default={},
        description='Axes: a list of values, "low:high:n" for n numbers evenly spaced, "low:high:log n" by equal '
        'factors; "low:high" and "low:high:log" where points are drawn.',
    )
    design: Design = Field(
        default="grid",
        description="Every combination, the values of all axes together, or points drawn: a scrambled Sobol "
        "sequence, a Latin hypercube, uniformly, or the blocks that Sobol indices need.",
    )
    samples: Whole = Field(
        default=0, description="Points to draw; of a saltelli design: in each of its axes + 2 blocks."
    )


class Head(Table):
    """The keys above the first table."""

    title: Name = Field(
        description="What the scenario is about.", examples=["one server is unreachable for ten minutes"]
    )
    article: Article = Field(
        default="",
        description="KB article that the scenario reproduces; `meterstorm run kb` runs those that have one.",
    )
    description: Text = Field(default="", description="Longer description, for readers of the file.")


def replications(run: Run) -> range:
    """Return the numbers of the replications of a run."""
    return range(run.first_replication, run.first_replication + run.replications)


POLICIES = "texts of users' own policies"


class Scenario(Head):
    """A whole scenario; a value of this type keeps every rule."""

    run: Run = Run()
    network: Network = Network()
    servers: Servers = Servers()
    products: tuple[Product, ...] = (Product(),)
    clients: Clients = Clients()
    workload: Workload = Workload()
    policies: Policies = Policies()
    groups: tuple[Group, ...] = ()
    faults: tuple[AnyFault, ...] = ()
    cases: tuple[Case, ...] = ()
    arms: tuple[Arm, ...] = ()
    compare: Compare = Compare()
    expect: tuple[Expect, ...] = ()
    sweep: Sweep = Sweep()
    _of_groups: tuple["Scenario", ...] = PrivateAttr(default=())

    @property
    def of_groups(self) -> tuple["Scenario", ...]:
        """The scenario as it holds for each group: what `check` has made of what they set."""
        assert len(self._of_groups) == len(self.groups), "a scenario with groups is made by `check`"
        others = {name: value for name, value in self if name not in {*OF_A_GROUP, "groups"}}
        return tuple(own.model_copy(update=others) for own in self._of_groups)

    def __getstate__(self) -> dict[Any, Any]:
        """Have users' own policies travel with a scenario, whether it, an arm or an axis of a sweep names them."""
        from meterstorm.policies import sources

        return super().__getstate__() | {POLICIES: sources.known()}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Have this process take policies as they are where the scenario comes from; raises ValueError."""
        from meterstorm.policies import sources

        sources.provide(state.pop(POLICIES))
        super().__setstate__(state)

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> "Scenario":
        if lines := list(broken_rules(facts(self), resolver())):
            raise PydanticCustomError("rules", "{lines}", {"lines": "\n".join(lines)})
        return self


SECTIONS: dict[str, type[Table]] = {
    name: field.annotation
    for name, field in Scenario.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
}
LISTS: dict[str, type[Table]] = {
    "products": Product,
    "groups": Group,
    "faults": Fault,
    "cases": Case,
    "arms": Arm,
    "expect": Expect,
}


def facts(scenario: Scenario) -> Facts:
    """Return what the rules read: every value of a scenario by its key."""
    known = Facts()
    for name, value in scenario:
        if name in SECTIONS:
            known.update({f"{name}.{key}": item for key, item in value})
        elif name in LISTS:
            known[name] = [Facts(dict(item) | {GIVEN: item.model_fields_set}) for item in value]
        else:
            known[name] = value
    return known
