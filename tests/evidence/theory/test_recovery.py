"""How long a crowd that asks again needs to calm down: the chain's answer, a model checker's, the engine's."""

from math import inf
from pathlib import Path
from typing import Any

import pytest
from meterstorm.actors.records import journal
from meterstorm.actors.shards.simulate import simulate
from meterstorm.actors.state import kinds
from meterstorm.policies.failover import RETRY
from scipy.stats import beta

from support.chains import Recovery, retrials_in_prism
from support.laws import KNOWN_RETRIALS, MANY, retrials
from support.trials import hold, replicate, scenario

# The chain, its mean time to calm, s, the chance to be calm within 30 s, and attempts per second in the long run.
KNOWN = [
    (Recovery(100, 0.05, 10.0, 1.0, 5), 15.284, 0.99999, 5.045),
    (Recovery(100, 0.05, 10.0, 0.1, 5), 61.798, 0.00105, 4.991),
    (Recovery(100, 0.09, 10.0, 1.0, 5), 26.153, 0.75250, 11.341),
    (Recovery(200, 0.045, 10.0, 0.2, 10), 70.931, 0.00001, 9.259),
    (Recovery(200, 0.048, 10.0, 5.0, 10), 48.312, 0.00983, 21.084),
]
SMALL = [Recovery(3, 0.5, 1.0, 2.0, 1), Recovery(8, 0.2, 1.0, 0.5, 2)]
# Chains of our own: calm within 30 s three times in four, and not three times in ten.
OWN = [Recovery(20, 0.05, 2.0, 0.2, 3), Recovery(60, 0.04, 4.0, 0.3, 3)]
RECOVERING = [*(chain for chain, *_ in KNOWN), *OWN]
WITHIN_S = 30.0
TRIALS = 100

# Waits exponential times, as a chain does; who fails before the fault is over begins to wait at its end.
POLICY = """
import math
from typing import NamedTuple
from meterstorm.policies import retry

class Memoryless(NamedTuple):
    rate: float
    healed_s: float

    def on_failure(self, link, memory, u):
        return retry(max(0.0, self.healed_s - link.now_s) - math.log(1.0 - u) / self.rate)
"""


@pytest.mark.parametrize(("chain", "mean_s", "within", "attempts_per_s"), KNOWN)
def test_the_chains_have_their_known_values(chain: Recovery, mean_s: float, within: float, attempts_per_s: float):
    assert chain.mean_s() == pytest.approx(mean_s, abs=6e-4)
    assert chain.within(WITHIN_S) == pytest.approx(within, abs=6e-6)
    assert chain.attempts_per_s() == pytest.approx(attempts_per_s, abs=6e-4)


@pytest.mark.parametrize(("think", "serve", "again"), [(0.2, 1.0, 0.5), (3.0, 0.5, 2.0)])
def test_two_clients_calm_down_in_a_time_that_is_known_by_hand(think: float, serve: float, again: float):
    """One of two comes first, 1 / (2 again), and is served, 1 / serve; then the other one comes, 1 / again.

    Each time that the first thinks of another request before the other has come, which is think / again times on
    average, that is served first.
    """
    mean_s = 1 / (2 * again) + 1 / serve + (1 + think / serve) / again
    assert Recovery(2, think, serve, again, 1).mean_s() == pytest.approx(mean_s, rel=1e-12)


def checked(folder: Path, program: str, *formulas: str) -> list[float]:
    """What Storm makes of a model, at its initial state."""
    stormpy = pytest.importorskip("stormpy", reason="the extra exact is not installed")
    file = folder / "chain.prism"
    file.write_text(program)
    parsed = stormpy.parse_prism_program(file)
    properties = stormpy.parse_properties("; ".join(formulas), parsed)
    model = stormpy.build_model(parsed, properties)
    return [stormpy.model_checking(model, each).get_value(model.initial_states[0]) for each in properties]


@pytest.mark.parametrize("chain", [*SMALL, *RECOVERING])
def test_a_model_checker_finds_the_same_of_recovery(chain: Recovery, tmp_path: Path):
    formulas = 'T=? [F "calm"]', f'P=? [F<={WITHIN_S} "calm"]', 'R{"attempts"}=? [LRA]'
    mean_s, within, attempts_per_s = checked(tmp_path, chain.prism(), *formulas)
    assert chain.mean_s() == pytest.approx(mean_s, rel=1e-4)
    assert chain.within(WITHIN_S) == pytest.approx(within, abs=1e-5)
    assert chain.attempts_per_s() == pytest.approx(attempts_per_s, rel=1e-4)


@pytest.mark.parametrize(("retry_rate", "orbit", "waiting", "busy"), KNOWN_RETRIALS)
def test_a_model_checker_finds_the_same_of_retrials(
    retry_rate: float, orbit: int, waiting: float, busy: float, tmp_path: Path
):
    """Five licenses at 4 erlangs: how many wait, and the share of the time when none is free."""
    formulas = [f'R{{"{reward}"}}=? [LRA]' for reward in ("waiting", "busy", "denied", "tries")]
    found = checked(tmp_path, retrials_in_prism(5, 4.0, retry_rate, orbit, inf), *formulas)
    assert found[:2] == pytest.approx((waiting, busy), rel=1e-6)  # it iterates
    of_many = checked(tmp_path, retrials_in_prism(5, 4.0, retry_rate, orbit, MANY), *formulas)
    mean, denied, _ = retrials(5, 4.0, retry_rate, orbit)
    assert (mean, denied) == pytest.approx((of_many[0], of_many[2] / of_many[3]), rel=1e-4)


def world(chain: Recovery, folder: Path, healed_s: float, duration_s: float) -> list[dict[str, Any]]:
    """The chain's clients in a scenario: their server refuses all until `healed_s`, by when all have asked."""
    policy = folder / "memoryless.py"
    policy.write_text(POLICY)
    failover = {"name": f"{policy}:Memoryless", "rate": chain.retry_rate, "healed_s": healed_s}
    away = {"kind": "refusing", "servers": [0], "start_s": 0.0, "duration_s": healed_s}
    return [
        {"title": "recovery", "run": {"duration_s": duration_s, "warmup_s": 0.0}, "network": {"latency_ms": 0.0}},
        {"servers": {"count": 1, "service": "exponential", "service_ms": 1000.0 / chain.service_rate}},
        {"servers": {"queue_limit": chain.room - 1, "release_cost": 0.0}, "products": [{"licenses": 10**6}]},
        {"clients": {"count": chain.clients, "heartbeat_s": 0.0, "request_timeout_s": 1e6}},
        {"clients": {"enforcement": "before-start"}, "policies": {"failover": failover}},
        {"workload": {"launch_interval_s": 1.0 / chain.think_rate, "run_time_s": 0.0}},
        {"faults": [away] if healed_s else []},
    ]


def calm_after_s(rows: Any, clients: int, healed_s: float) -> float:
    """When nobody waits to ask again for the first time after a fault, s from its end, by the journal."""
    healed, waits = round(healed_s * 1e9), set()
    asks = (rows["what"] == journal.SENT) & (rows["kind"] == kinds.REQUEST)
    fails = (rows["what"] == journal.DECIDED) & (rows["kind"] == RETRY)
    chosen = rows[asks | fails]
    for k, row in enumerate(chosen):
        (waits.add if row["what"] == journal.DECIDED else waits.discard)(int(row["source"]))
        is_last = k + 1 == len(chosen) or chosen[k + 1]["time"] > row["time"]
        if row["time"] < healed:
            continue
        if is_last and not waits:
            return float(row["time"] - healed) * 1e-9
    raise AssertionError("it never calms down")


@pytest.mark.slow
@pytest.mark.parametrize("chain", RECOVERING)
def test_the_engine_recovers_as_the_chain(chain: Recovery, tmp_path: Path):
    """Its mean, and how often it is calm in time: both within 99.9 %."""
    mean_s, within, healed_s = chain.mean_s(), chain.within(WITHIN_S), 20.0 / chain.think_rate
    made = scenario(*world(chain, tmp_path, healed_s, healed_s + 12.0 * mean_s))
    times = []
    for replication in range(TRIALS):
        rows = simulate(made, replication, keep_journal=True).journal
        times.append(calm_after_s(rows, chain.clients, healed_s))
    hold("recovery", times, mean_s, within=0.25)
    soon = sum(time_s <= WITHIN_S for time_s in times)
    low = beta.ppf(0.0005, soon, TRIALS - soon + 1) if soon else 0.0
    high = beta.ppf(0.9995, soon + 1, TRIALS - soon) if soon < TRIALS else 1.0
    assert low <= within <= high


@pytest.mark.slow
@pytest.mark.parametrize(("chain", "attempts_per_s"), [(chain, rate) for chain, *_, rate in KNOWN])
def test_the_engine_attempts_as_often_in_the_long_run(chain: Recovery, attempts_per_s: float, tmp_path: Path):
    layers = [*world(chain, tmp_path, 0.0, 30_000.0), {"run": {"warmup_s": 600.0, "sample_s": 30_000.0}}]
    rates = [result["attempts"] / 30_000.0 for result in replicate(*layers)]
    hold("attempts", rates, attempts_per_s, within=0.05)
