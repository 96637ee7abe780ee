"""The tables of a scenario file: every key with its type, its range and its default."""

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .rules import Facts, broken_rules
from .wording import one_of, refuse

LARGEST = 1e9  # of any number: as seconds 31 years, so that sums and draws stay far inside int64 nanoseconds


class Allowed:
    """Says in words what a type takes; whatever is wrong inside is refused with this one sentence."""

    def __init__(self, words: str = "", largest: float = LARGEST, smallest: float = 0.0) -> None:
        self.words, self.largest, self.smallest = words, largest, smallest

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if get_origin(source) is Literal:
            self.words = self.words or one_of(get_args(source))
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, inner: core_schema.ValidatorFunctionWrapHandler) -> object:
        try:
            result = inner(value)
        except ValidationError:
            raise _refused(value, self.words) from None
        if isinstance(result, int | float):
            if result > self.largest:
                raise _refused(value, f"{self.words}, at most {self.largest:g}")
            if 0 < result < self.smallest:
                raise _refused(value, f"{self.words}, in whole nanoseconds (at least {self.smallest:g} if not 0)")
        return result


def _refused(value: object, words: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{line}", {"line": refuse("", value, words).removeprefix(": ")})


_finite = Field(strict=True, ge=0, allow_inf_nan=False)
_above_0 = Field(strict=True, gt=0, allow_inf_nan=False)
_tick_s, _tick_ms = 1e-9, 1e-6  # the clock counts nanoseconds; a shorter time would silently be none

Number = Annotated[float, _finite, Allowed("a number >= 0")]
Positive = Annotated[float, _above_0, Allowed("a number > 0")]
Seconds = Annotated[float, _finite, Allowed("a number >= 0", smallest=_tick_s)]
PositiveSeconds = Annotated[float, _above_0, Allowed("a number > 0", smallest=_tick_s)]
Milliseconds = Annotated[float, _finite, Allowed("a number >= 0", smallest=_tick_ms)]
Probability = Annotated[float, Field(strict=True, ge=0, le=1), Allowed("a number from 0 to 1")]
Share = Annotated[float, Field(strict=True, gt=0, le=1), Allowed("a number > 0 and <= 1")]
Loss = Annotated[float, Field(strict=True, ge=0, lt=1), Allowed("a number >= 0 and < 1")]
Count = Annotated[int, Field(strict=True, ge=1), Allowed("an integer >= 1")]
Whole = Annotated[int, Field(strict=True, ge=0), Allowed("an integer >= 0")]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63), Allowed("an integer >= 0 and < 2**63", 2.0**63)]
Flag = Annotated[bool, Field(strict=True), Allowed("true or false")]
Text = Annotated[str, Field(strict=True), Allowed("a string")]
Name = Annotated[str, Field(strict=True, pattern=r"\S"), Allowed("a string that is not empty")]
Article = Annotated[
    str,
    Field(strict=True, pattern=r"^(Q\d{6})?$"),
    Allowed('the number of a KB article, such as "Q226827", or ""'),
]
Spread = Annotated[Literal["constant", "exponential"], Allowed()]
Times = Annotated[Literal["constant", "exponential", "lognormal", "gamma"], Allowed()]
Point = Annotated[tuple[Number, Number], Allowed("a pair [hour, factor] of numbers >= 0")]
Weights = tuple[Number, ...]
Overrides = Annotated[dict[Name, Any], Allowed('a table of overrides, { "dotted.key" = value, ... }')]


class Table(BaseModel):
    """A table of the file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Run(Table):
    """How long, how often and on what."""

    duration_s: PositiveSeconds = 28800.0  # measured, after the warm-up
    warmup_s: Seconds = 3600.0
    seed: Seed = 1
    replications: Count = 1
    shards: Annotated[Count | Literal["auto"], Allowed('an integer >= 1 or "auto"')] = 1
    clock: Annotated[Literal["virtual", "wall"], Allowed()] = "virtual"
    sample_s: PositiveSeconds = 60.0


class Network(Table):
    """What lies between any two agents."""

    latency_ms: Milliseconds = 5.0  # one way, constant part
    wan_latency_ms: Milliseconds = 50.0  # the same between agents of different sites; at least latency_ms
    jitter_ms: Milliseconds = 0.0  # mean of an added exponential part
    loss: Loss = 0.0


class Servers(Table):
    """The metering servers, all alike.

    They are dealt to the sites in order of number, equally many to each, and so are the clients, as evenly as
    possible. Each site has a site server that balances its own servers' licenses. A denial's cause and imbalance
    are those of a site. `count`, `split`, `clients.count` and `products.licenses` are totals of all sites.
    """

    count: Count = 4  # a multiple of sites
    sites: Count = 1
    service_ms: Milliseconds = 200.0
    service: Spread = "constant"
    queue_limit: Whole = 0  # 0: no limit
    durable: Flag = True
    heartbeat_cost: Number = 1.0  # as a share of service_ms
    release_cost: Number = 1.0
    reclaim_after_s: Seconds = 7200.0  # 0: never
    scan_s: PositiveSeconds = 7200.0
    split: Annotated[Literal["even"] | Weights, Allowed('"even" or a list of weights, numbers >= 0')] = "even"
    callback_grace_s: PositiveSeconds = 60.0  # a freed license stays reserved this long for the user called back
    # A user called back before a site server cycle has passed since the denial is denied again (the defect of
    # KB Q226823, where cycles are 900 s); 0: never.
    callback_cycle_s: Seconds = 0.0


class Product(Table):
    """A metered product."""

    name: Name = "product"
    licenses: Whole = 400
    popularity: Number = 1.0


class Clients(Table):
    """The client computers, all alike."""

    count: Count = 800
    programs: Annotated[int, Field(strict=True, ge=1, le=32), Allowed("an integer from 1 to 32")] = 1
    assignment: Annotated[
        Literal["round-robin", "random"] | Weights,
        Allowed('"round-robin", "random" or a list of weights, numbers >= 0'),
    ] = "round-robin"  # among the servers of the client's own site
    # Which servers the selection policy chooses from: all, numbered on from the first of the client's own site
    # (and round), or those of its own site.
    failover_to: Annotated[Literal["any-site", "own-site"], Allowed()] = "any-site"
    enforcement: Annotated[Literal["after-start", "before-start"], Allowed()] = "after-start"
    request_timeout_s: PositiveSeconds = 5.0
    heartbeat_s: Seconds = 3600.0  # 0: none
    heartbeat_names_leases: Flag = False
    on_denial: Annotated[Literal["give-up", "retry", "callback"], Allowed()] = "give-up"
    retry_denied_s: PositiveSeconds = 60.0  # mean
    callback_poll_s: Seconds = 0.0  # a user who waits for a callback asks again after this; 0: never
    offline: Annotated[Literal["allow", "deny"], Allowed()] = "allow"
    rerequest: Flag = True
    release_old: Annotated[Literal["lost", "deferred"], Allowed()] = "lost"
    deferred_retry_s: PositiveSeconds = 60.0  # how often a kept release is offered, until it is settled
    attempt_cpu_ms: Milliseconds = 50.0


class Workload(Table):
    """When programs are launched and for how long they run."""

    arrivals: Annotated[Literal["closed", "open", "trace"], Allowed()] = "closed"
    trace: Text = ""  # CSV or Parquet, relative to the scenario file; only with arrivals = "trace"
    launch_interval_s: PositiveSeconds = 3600.0
    launch: Times = "exponential"
    launch_cv: Positive = 1.0
    run_time_s: Seconds = 1800.0
    run_time: Times = "exponential"
    run_time_cv: Positive = 1.0
    profile: tuple[Point, ...] = ()


class Choice(Table):
    """A policy by name; every other key is one of its own parameters."""

    model_config = ConfigDict(extra="allow")
    name: Text = ""  # never empty in a scenario; the rule that says so also knows what is allowed

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters given, by name."""
        return dict(self.model_extra or {})


PolicyTable = Annotated[
    Choice, Allowed('a table { name = "..." } that may also give the parameters of the policy')
]


class Policies(Table):
    """One policy of each kind."""

    failover: PolicyTable = Choice.model_validate({"name": "retry-then-failover", "retries": 3, "delay_s": 60.0})
    selection: PolicyTable = Choice(name="ring")
    admission: PolicyTable = Choice(name="fifo")
    balancing: PolicyTable = Choice.model_validate({"name": "periodic-demand", "interval_s": 14400.0})
    intersite: PolicyTable = Choice(name="none")  # moves licenses between sites; needs reports of balancing


class Fraction(Table):
    """A share of the servers."""

    fraction: Share = Field(examples=[0.5])


ServerIds = Annotated[
    Literal["all"] | tuple[Whole, ...] | Fraction,
    Allowed('"all", a list of server ids (integers >= 0) or { fraction = f } with 0 < f <= 1'),
]
Kind = Literal["unreachable", "refusing", "crash", "slow", "loss", "cut"]
DEFAULT_KIND: Literal["unreachable"] = "unreachable"


class Fault(Table):
    """What every fault has; a kind that is not known is checked against this alone."""

    model_config = ConfigDict(extra="ignore")
    kind: Annotated[Kind, Allowed()] = DEFAULT_KIND
    servers: ServerIds = (0,)
    start_s: Seconds = 3600.0  # from the end of the warm-up
    duration_s: PositiveSeconds = 600.0
    repeat_s: Seconds = 0.0  # 0: once
    repeats: Count = 1


class Outage(Fault, extra="forbid"):
    """Servers that time out, refuse, or crash."""

    kind: Literal["unreachable", "refusing", "crash"] = DEFAULT_KIND


class Slow(Fault, extra="forbid"):
    """Servers whose service takes `factor` times as long."""

    kind: Literal["slow"]
    factor: Positive = Field(examples=[10])


class Lossy(Fault, extra="forbid"):
    """Servers whose messages are lost with a probability."""

    kind: Literal["loss"]
    probability: Probability = Field(examples=[0.1])


class Cut(Fault, extra="forbid"):
    """Servers cut off from the clients `first` to `last`."""

    kind: Literal["cut"]
    clients: Annotated[tuple[Whole, Whole], Allowed("[first, last], two client ids >= 0")] = Field(
        examples=[[0, 99]]
    )


FAULTS: dict[str, type[Fault]] = {
    **dict.fromkeys(("unreachable", "refusing", "crash"), Outage),
    "slow": Slow,
    "loss": Lossy,
    "cut": Cut,
}


def _with_kind(value: object) -> object:
    return {"kind": DEFAULT_KIND, **value} if isinstance(value, dict) else value


AnyFault = Annotated[
    Annotated[Outage | Slow | Lossy | Cut, Field(discriminator="kind")], BeforeValidator(_with_kind)
]


class Arm(Table):
    """A version to compare: a name, and what it sets."""

    name: Name = Field(examples=["as shipped"])
    set: Overrides = {}


class Case(Arm):
    """Conditions under which every arm runs; `metric` against the case `baseline` shows a symptom.

    The first arm has the defect, the last one its cure.
    """

    symptom: Name | None = None
    metric: Name | None = None
    baseline: Name | None = None


class Head(Table):
    """The keys above the first table."""

    title: Name = Field(examples=["one server is unreachable for ten minutes"])
    article: Article = ""  # the KB article that the scenario reproduces: one of `meterstorm run kb`
    description: Text = ""


class Scenario(Head):
    """A whole scenario; a value of this type keeps every rule."""

    run: Run = Run()
    network: Network = Network()
    servers: Servers = Servers()
    products: tuple[Product, ...] = (Product(),)
    clients: Clients = Clients()
    workload: Workload = Workload()
    policies: Policies = Policies()
    faults: tuple[AnyFault, ...] = ()
    cases: tuple[Case, ...] = ()
    arms: tuple[Arm, ...] = ()

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> "Scenario":
        if lines := list(broken_rules(facts(self))):
            raise PydanticCustomError("rules", "{lines}", {"lines": "\n".join(lines)})
        return self


SECTIONS: dict[str, type[Table]] = {
    name: field.annotation
    for name, field in Scenario.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
}
LISTS: dict[str, type[Table]] = {"products": Product, "faults": Fault, "cases": Case, "arms": Arm}


def facts(scenario: Scenario) -> Facts:
    """Return what the rules read: every value of a scenario by its key."""
    known = Facts()
    for name, value in scenario:
        if name in SECTIONS:
            known.update({f"{name}.{key}": item for key, item in value})
        elif name in LISTS:
            known[name] = [Facts(dict(item)) for item in value]
        else:
            known[name] = value
    return known
