"""Groups of clients share licenses as theory has it: sources of several classes, each with its own denials."""

import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.metrics.groups import of_groups

from support.laws import engset, engset_of_classes
from support.trials import LOSS_SYSTEM, REPLICATIONS, hold, scenario

RUN_TIME_S = 10.0


def test_the_law_is_engsets_where_classes_are_alike():
    """Two classes of the same sources are one class of all of them."""
    alike = engset_of_classes([(12, 0.3), (8, 0.3)], 5)
    assert alike == pytest.approx([engset(20, 5, 0.3)] * 2)


def test_a_class_with_more_demand_of_its_own_is_denied_less():
    """Each source sees the system without itself (Lavenberg and Reiser 1980): who runs more, competes less."""
    busy, idle = engset_of_classes([(10, 2.0), (10, 0.1)], 6)
    assert busy < idle


@pytest.mark.parametrize("run_time", ["exponential", "lognormal"])
def test_denials_of_each_class_of_sources(run_time: str):
    """A finite-source loss system with two classes has a product form, whatever the run times (Cohen 1957)."""
    classes, licenses = {"class room": (30, 0.2), "rest": (10, 2.0)}, 12
    made = scenario(
        LOSS_SYSTEM,
        {"run": {"duration_s": 50_000.0, "warmup_s": 500.0, "sample_s": 50_000.0}},
        {"products": [{"licenses": licenses}], "clients": {"count": 40}},
        {
            "workload": {
                "arrivals": "closed",
                "launch_interval_s": RUN_TIME_S / classes["rest"][1],
                "run_time_s": RUN_TIME_S,
                "run_time": run_time,
            },
            "groups": [
                {
                    "name": "class room",
                    "count": classes["class room"][0],
                    "set": {"workload.launch_interval_s": RUN_TIME_S / classes["class room"][1]},
                }
            ],
        },
    )
    found = [of_groups(made, simulate(made, number)) for number in range(REPLICATIONS)]
    laws = engset_of_classes(list(classes.values()), licenses)
    assert laws[0] > 1.1 * laws[1]
    for name, law in zip(classes, laws, strict=True):
        hold(name, [groups[name]["denial_fraction"] for groups in found], law)
