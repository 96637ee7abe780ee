"""What a scenario file may leave out, and what it reads as."""

import pytest
from meterstorm.experiments.scenario import (
    Cut,
    Fraction,
    Outage,
    Slow,
    load,
    validate,
)
from pydantic import ValidationError

from support.scenario_file import EXAMPLE


def test_the_shortest_scenario_is_one_line(write):
    shortest = load(write('title = "x"'))
    example = load(write(EXAMPLE))
    for section in ("run", "network", "servers", "clients", "workload", "policies"):
        assert getattr(shortest, section) == getattr(example, section), section
    (product,) = shortest.products
    assert (product.name, product.licenses, product.popularity) == ("product", 400, 1.0)
    assert shortest.faults == shortest.cases == shortest.arms == ()
    assert (shortest.description, shortest.article) == ("", "")


def test_defaults_of_keys_that_the_example_lacks():
    default = validate({"title": "x"})
    assert (default.clients.deferred_retry_s, default.policies.denial.name) == (60.0, "give-up")
    assert (default.servers.callback_grace_s, default.servers.callback_cycle_s) == (60.0, 0.0)
    assert default.workload.trace == ""


def test_an_empty_fault_is_the_one_of_the_contract():
    (fault,) = validate({"title": "x", "faults": [{}]}).faults
    assert (fault.kind, fault.servers, fault.start_s, fault.duration_s) == ("unreachable", (0,), 3600.0, 600.0)


def test_the_example_reads_as_written(write):
    example = load(write(EXAMPLE))
    assert example.faults == (
        Outage(kind="unreachable", servers=(0,), start_s=3600.0, duration_s=600.0, repeat_s=0.0, repeats=1),
    )
    assert example.policies.failover.name == "retry-then-failover"
    assert example.policies.failover.parameters == {"retries": 3, "delay_s": 60.0}
    assert example.cases[1].baseline == "control"
    assert isinstance(example.run.duration_s, float)


def test_kinds_of_faults():
    raw = [
        {"kind": "slow", "factor": 10, "duration_s": 1, "servers": {"fraction": 0.5}},
        {"kind": "loss", "probability": 0.1, "duration_s": 1},
        {"kind": "cut", "clients": [0, 799], "duration_s": 1, "servers": [3, 0]},
    ]
    slow, loss, cut = validate({"title": "x", "faults": raw}).faults
    assert isinstance(slow, Slow) and slow.factor == 10 and slow.servers == Fraction(fraction=0.5)
    assert loss.kind == "loss" and loss.probability == 0.1 and loss.servers == (0,)
    assert isinstance(cut, Cut) and cut.clients == (0, 799) and cut.servers == (3, 0)


def test_a_scenario_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        validate({"title": "x"}).run.seed = 2
