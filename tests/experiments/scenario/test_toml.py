"""A scenario comes back from the TOML that it is written as, and nonsense never breaks the check."""

import math
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from meterstorm.experiments.scenario import (
    ScenarioError,
    load,
    schema,
    to_toml,
    validate,
    versions,
)

from support.scenario_file import EXAMPLE


def test_to_toml_loads_back(write):
    example = load(write(EXAMPLE))
    assert load(write(to_toml(example))) == example
    for version in versions(example):
        assert load(write(to_toml(version.scenario))) == version.scenario


times = st.floats(1e-3, 1e6) | st.integers(1, 10**6)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip)
servers = st.just("all") | st.just([0, 2]) | st.builds(dict, fraction=st.floats(0.01, 1))

faults = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["crash", "refusing"]), "duration_s": times}, optional={"servers": servers}
    ),
    st.fixed_dictionaries({"kind": st.just("slow"), "factor": times, "duration_s": times}),
    st.fixed_dictionaries({"kind": st.just("cut"), "clients": st.just([0, 5]), "duration_s": times}),
)

overrides = st.dictionaries(
    st.sampled_from(["network.jitter_ms", "clients.deferred_retry_s", "policies.failover.delay_s"]), times
)

expectations = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["denials", "time_to_recover_s"]),
        "op": st.sampled_from(["<", "<=", ">", ">=", "!="]),
        "value": st.floats(-1e9, 1e9),
    },
    optional={"name": names, "on": st.sampled_from(["mean", "interval"])},
)

scenarios = st.fixed_dictionaries(
    {"title": names},
    optional={
        "description": st.text(st.characters(codec="utf-8"), max_size=20),
        "run": st.fixed_dictionaries(
            {}, optional={"seed": st.integers(0, 2**63 - 1), "shards": st.just("auto"), "warmup_s": times}
        ),
        "servers": st.fixed_dictionaries(
            {}, optional={"split": st.just([1, 0, 2.5, 1]), "durable": st.booleans()}
        ),
        "products": st.lists(
            st.fixed_dictionaries({"name": names, "licenses": st.integers(0, 10**9)}),
            min_size=1,
            max_size=3,
            unique_by=lambda product: product["name"],
        ),
        "workload": st.just({"profile": [[0, 1], [8.5, 0]]}),
        "policies": st.just({"failover": {"name": "retry-then-failover", "retries": math.inf}}),
        "faults": st.lists(faults, max_size=3),
        "arms": st.lists(
            st.fixed_dictionaries({"name": names, "set": overrides}),
            max_size=2,
            unique_by=lambda arm: arm["name"],
        ),
        "compare": st.fixed_dictionaries(
            {},
            optional={
                "metrics": st.just("auto") | st.lists(st.sampled_from(["denials", "grants"]), unique=True),
                "confidence": st.floats(0.01, 0.999),
            },
        ),
        "expect": st.lists(expectations, max_size=3, unique_by=lambda expect: expect.get("name", id(expect))),
    },
)


@given(scenarios)
@settings(max_examples=60)
def test_any_scenario_comes_back_from_toml(raw):
    scenario = validate(raw)
    again = validate(tomllib.loads(to_toml(scenario)))
    assert again == scenario
    assert to_toml(again) == to_toml(scenario)
    assert versions(again) == versions(scenario)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["all", "cut"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


def tables(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*model.model_fields, "clients", "factor"]), values, max_size=4)


NONSENSE = ("run", "servers", "workload", "compare")
nonsense = st.fixed_dictionaries(
    {},
    optional={
        "title": values,
        **{name: values | tables(getattr(schema, name.capitalize())) for name in NONSENSE},
        **{name: values | st.lists(tables(schema.Fault), max_size=2) for name in ("faults", "products")},
        **{name: values | st.lists(tables(schema.Case), max_size=2) for name in ("cases", "arms")},
        "expect": values | st.lists(tables(schema.Expect), max_size=2),
    },
)


@given(nonsense)
@settings(max_examples=100)
def test_nonsense_is_refused_line_by_line_and_never_breaks_the_check(raw):
    try:
        validate(raw)
    except ScenarioError as error:
        assert all("\n" not in line and ": " in line for line in error.errors)
