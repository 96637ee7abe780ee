"""The books of a run balance at several times, its sums are bounded, and a quiet end leaves nothing behind."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from meterstorm.actors.agents.server import leases
from meterstorm.actors.engine import invariants
from meterstorm.actors.records import journal
from meterstorm.actors.shards.shard import Shard
from meterstorm.actors.state import counters, kinds
from meterstorm.actors.state.rows import NONE
from meterstorm.actors.state.servers import GHOST
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import Scenario
from meterstorm.policies.failover import BEFORE_REQUEST, FAIL_OVER

from oracles.audit import audit
from oracles.audit.licenses import shipped
from oracles.audit.tables import Tables
from support import drawn
from support.drawn_groups import without

FRACTIONS = [
    *("denial_fraction", "abnormal_denial_fraction", "imbalance_mean", "imbalance_max"),
    *("server_utilization_mean", "server_utilization_max"),
]

NAMES = (
    *("SUPPRESSED", "GRANTS", "MISPLACED", "STRANDED", "GHOST", "EXHAUSTED", "CAPPED", "KEPT"),
    *("EVICTIONS", "GAVE_UP", "TIMEOUTS"),
    *("LEASES_LOST", "CLIENT_CRASHES", "LEASES_ORPHANED", "PROGRAMS_RESTARTED"),
    *("CONNECTS", "CONNECTS_DROPPED", "RESETS", "SILENCES"),
    *("REFUSALS", "OVERLOADS", "RETRIES", "FAILOVERS", "OFFLINE_SPELLS", "UNMETERED_STARTS", "MESSAGES_LOST"),
)
COUNTED = {name: getattr(counters, name) for name in NAMES}
QUIET = "drawn: a quiet end"


@st.composite
def quiet(draw: st.DrawFn) -> dict[str, Any]:
    """A scenario without losses in which launches cease, and which waits long for the last programs to end.

    Leases left behind on purpose (`release_old = "lost"`, after a request elsewhere) are excluded.
    """
    raw = draw(drawn.scenarios(latencies_ms=st.floats(1.0, 300.0), arrivals=("closed", "open", "trace")))
    raw["title"] = QUIET
    raw["run"] |= {"duration_s": 4000.0}
    raw["network"]["loss"] = 0.0
    raw["servers"].pop("failover_ttl_s", None)
    raw["servers"] |= {"reclaim_after_s": 0.0, "service_ms": draw(st.sampled_from([200.0, 1000.0, 3000.0]))}
    raw["clients"] |= draw(st.sampled_from([{"rerequest": False}, {"release_old": "deferred"}]))
    raw["workload"] |= {"profile": drawn.QUIET_HOURS, "run_time_s": draw(st.sampled_from([0.0, 5.0, 100.0]))}
    faults = drawn.faults(raw["servers"]["count"], raw["clients"]["count"], ("slow",))
    raw["faults"] = draw(st.lists(faults, max_size=2))
    return without(raw, "clients.rerequest", "clients.release_old", "workload.run_time_s")


def balances(scenario: Scenario) -> set[str]:
    """Run a scenario, counting all once more at several times; return what happened in it."""
    shard = Shard(scenario, keep_journal=True)
    happened = {fault.kind for fault in scenario.faults}
    for step in (0.1, 0.25, 0.4, 0.7, 1.0):
        shard.run(int(shard.end * step))
        invariants.recount(shard.world)
        tables = Tables(shard)
        audit(tables)
        happened |= _shipments(scenario, tables) | _states(tables)
    rows = shard.world.journal[: shard.world.control[0].journaled]
    happened |= {"called back"} if (rows["kind"] == kinds.CALLBACK).any() else set()
    if scenario.title == QUIET:
        _nothing_is_left(tables)
    total = _sums_are_bounded(scenario, shard)
    return happened | {name for name, column in COUNTED.items() if total[column] > 0}


def _shipments(scenario: Scenario, tables: Tables) -> set[str]:
    """Each product's licenses are with the sites, or on their way between them."""
    owned = tables.world.products["owned"].reshape(scenario.servers.sites, -1).sum(axis=0)
    under_way = shipped(tables)
    assert (owned + under_way).tolist() == [product.licenses for product in scenario.products]
    return {"shipment"} if under_way.any() else set()


def _states(tables: Tables) -> set[str]:
    """What is to be seen at this time."""
    states = set(tables.leases["state"].tolist())
    happened = {name for name in ("GHOST", "LOST") if getattr(leases, name) in states}
    happened |= {"callback"} if tables.control.callbacks else set()
    return happened | ({"debt"} if (tables.world.first_pending_release != NONE).any() else set())


def _nothing_is_left(tables: Tables) -> None:
    """Late grants were released, and so was all that was left behind: no client at rest has a ghost.

    At rest is whoever waits for nobody and has no message under way; where servers take longer than users have
    patience, some never are.
    """
    messages = tables.alive[tables.alive["kind"] < kinds.LAUNCH]
    clients = np.arange(tables.config.clients)
    at_rest = ~np.isin(clients, [messages["source"], messages["target"]]) & (tables.world.clients["wants"] == 0)
    ghosts = tables.leases[tables.leases["state"] == GHOST]
    assert not at_rest[ghosts["client"]].any(), ghosts[at_rest[ghosts["client"]]]


def _passed_over(shard: Shard) -> int:
    """How often a policy changed the server before a request, without a failure."""
    rows = shard.world.journal[: shard.world.control[0].journaled]
    decided = rows[(rows["what"] == journal.DECIDED) & (rows["value"] == BEFORE_REQUEST)]
    return int((decided["kind"] == FAIL_OVER).sum())


def _sums_are_bounded(scenario: Scenario, shard: Shard) -> Any:
    tally = shard.tally()
    found = metrics(scenario, tally)
    total = tally.series.sum(axis=0)
    denials = total[list(counters.CAUSES.values())].sum()
    failures = total[[counters.TIMEOUTS, counters.REFUSALS, counters.OVERLOADS, counters.RESETS]].sum()
    assert (tally.series >= 0).all()
    assert total[counters.GRANTS] + denials <= total[counters.ATTEMPTS] <= total[counters.MESSAGES]
    assert total[counters.RETRIES] <= min(failures, total[counters.ATTEMPTS])
    assert total[counters.FAILOVERS] + total[counters.OFFLINE_SPELLS] <= failures + denials + _passed_over(shard)
    assert total[counters.EVICTIONS] <= denials + total[counters.LEASES_LOST]
    assert total[counters.MESSAGES_LOST] <= total[counters.MESSAGES]
    assert found["denials"] == sum(found[f"denials_{cause}"] for cause in counters.CAUSES)
    copies = int(tally.products["copies"].sum())
    doubles = scenario.policies.balancing.name == "standby" and scenario.servers.tenure_s == 0
    assert found["overissued"] <= copies == 0 or scenario.policies.balancing.name == "keep-until-ack" or doubles
    assert all(found[name] is None or 0 <= found[name] <= 1 for name in FRACTIONS)
    licenses = sum(product.licenses for product in scenario.products)
    assert found["licenses_in_use_mean"] >= -1e-9
    assert found["licenses_in_use_mean"] <= licenses + copies + 1e-9 or doubles
    assert found["ghost_license_hours"] * 3600 <= found["licenses_in_use_mean"] * scenario.run.duration_s + 1
    return total
