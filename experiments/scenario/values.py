"""The types of a scenario's values: what each takes, in words, its range and its unit."""

from typing import Annotated, Any, Literal, get_args, get_origin

from meterstorm.actors.state.limits import LICENSES_MAX
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .wording import one_of, refuse

VALUE_MAX = 1e9  # 1e9 s are 31 years: sums and draws stay far below int64 nanoseconds


class Allowed:
    """What a type takes, in words, and its unit; anything else is refused with this one sentence."""

    def __init__(
        self, words: str = "", *, unit: str = "", largest: float = VALUE_MAX, smallest: float = 0.0
    ) -> None:
        self.words, self.unit, self.largest, self.smallest = words, unit, largest, smallest

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if get_origin(source) is Literal:
            self.words = self.words or one_of(get_args(source))
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, source: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(source)
        if schema.get("type") in {"integer", "number"} and "exclusiveMaximum" not in schema:
            schema.setdefault("maximum", self.largest)
        return schema

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
_tick_s, _tick_ms = 1e-9, 1e-6  # the clock counts nanoseconds; a shorter time would round to 0

Number = Annotated[float, _finite, Allowed("a number >= 0")]
Positive = Annotated[float, _above_0, Allowed("a number > 0")]
Seconds = Annotated[float, _finite, Allowed("a number >= 0", unit="s", smallest=_tick_s)]
PositiveSeconds = Annotated[float, _above_0, Allowed("a number > 0", unit="s", smallest=_tick_s)]
Milliseconds = Annotated[float, _finite, Allowed("a number >= 0", unit="ms", smallest=_tick_ms)]
Probability = Annotated[float, Field(strict=True, ge=0, le=1), Allowed("a number from 0 to 1")]
Share = Annotated[float, Field(strict=True, gt=0, le=1), Allowed("a number > 0 and <= 1")]
Loss = Annotated[float, Field(strict=True, ge=0, lt=1), Allowed("a number >= 0 and < 1")]
Confidence = Annotated[float, Field(strict=True, gt=0, lt=1), Allowed("a number > 0 and < 1")]
Signed = Annotated[
    float,
    Field(strict=True, ge=-VALUE_MAX, le=VALUE_MAX, allow_inf_nan=False),
    Allowed("a number from -1e9 to 1e9"),
]
Count = Annotated[int, Field(strict=True, ge=1), Allowed("an integer >= 1")]
Whole = Annotated[int, Field(strict=True, ge=0), Allowed("an integer >= 0")]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63), Allowed("an integer >= 0 and < 2**63", largest=2.0**63)]
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
DrawnTimes = Annotated[Literal["constant", "exponential", "lognormal", "gamma", "empirical"], Allowed()]
OBSERVED = {"launch": "launch_intervals", "run_time": "run_times"}  # keys of [workload] that take DrawnTimes
HOURS_MAX = int(VALUE_MAX / 3600)
_Hour = Annotated[float, _finite, Allowed(largest=HOURS_MAX)]
Point = Annotated[
    tuple[_Hour, Number],
    Allowed(f"a pair [hour, factor] of numbers >= 0, hour at most {HOURS_MAX}, factor at most {VALUE_MAX:g}"),
]
Weights = tuple[Number, ...]
_Licenses = Annotated[int, Field(strict=True, ge=1, le=LICENSES_MAX)]
Tokens = Annotated[
    _Licenses | tuple[tuple[_Licenses, Number], ...],
    Allowed(f"an integer from 1 to {LICENSES_MAX} or a list of pairs [licenses, weight], weights numbers >= 0"),
]
Overrides = Annotated[dict[Name, Any], Allowed('a table of overrides, { "dotted.key" = value, ... }')]
DesignName = Literal["grid", "zip", "sobol", "lhs", "random", "saltelli"]
Design = Annotated[DesignName, Allowed()]
Vary = Annotated[dict[Name, Any], Allowed('a table of axes, { "dotted.key" = [value, ...] or "low:high:n", ... }')]


class Table(BaseModel):
    """A table of the file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fraction(Table):
    """A share of the servers, or clients."""

    fraction: Share = Field(description="This share of them, rounded up: the first ones.", examples=[0.5])


class OfGroup(Table):
    """The clients of a group."""

    group: Name = Field(description='Name of one of [[groups]], or "rest".', examples=["upgraded"])


ClientRange = tuple[Whole, Whole] | Fraction | OfGroup
