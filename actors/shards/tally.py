"""What shards have counted, and how their counts add up to the world's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..engine.invariants import InvariantViolation
from ..records import digest, ledger, sums
from ..setup.origin import Origin, check
from ..setup.scenario import Scenario
from ..state import control, counters
from ..state.world import World
from .timing import ShardTiming, sum_of


class Counted(NamedTuple):
    """What was counted for some of the clients; a world with groups has several of these."""

    series: Any  # int64, shape (samples + 1, COLUMNS); states at the end of samples are the world's only
    sums: Any  # SUM rows
    histograms: Any  # int64, shape (2, BINS)


@dataclass
class Tally:
    """What a shard, or a whole world, has counted. Shards' tallies add up (see `merge`)."""

    digest: int
    events: int
    series: Any  # int64, shape (samples + 1, COLUMNS)
    server_series: Any  # rows of SERVER_SAMPLE, shape (samples + 1, servers that the shard hosts)
    sums: Any  # SUM rows
    queueing: Any  # SUM rows, one a sample
    histograms: Any  # int64, shape (2, BINS)
    control: Any  # the CONTROL row: state/control.py says what a world's row has of its shards'
    servers: Any  # SERVER rows of those that the shard hosts, the same of pools, and of their sites' products
    pools: Any
    products: Any
    faults: Any  # rows of FAULT: when the world's faults hold
    journal: Any = None  # rows of JOURNAL, in order, if one was kept: of several shards, see `records/merging.py`
    timing: ShardTiming | None = None  # of the world's shards, if there were several
    parts: Sequence[Counted] = ()  # by row of CONFIG: for no client, the rest, each group; none without groups
    origin: Origin | None = None  # the code and files that it comes from
    cpu_s: float = 0.0  # CPU time of the shards' processes; what was lost and done again counts once
    connected: Any = None  # int64, shape (samples + 1, servers): to each how many of the shard's clients; or None


def tally(world: World) -> Tally:
    """Close the books of a shard at the end of the run."""
    row = world.control[0]
    with np.errstate(over="ignore"):
        ledger.close(world)
        total = int(digest.total(world))
    servers, pools, products = _own_rows(world)
    parts = _parts(world)
    series, summed, histograms = _sum(parts)
    connected = world.connected_series.reshape(len(series), -1) if world.connected.size else None
    first = int(world.config[0].first_server)
    return Tally(
        total,
        int(row.events),
        series,
        _seen(world.server_series.reshape(len(series), -1), connected, first),
        summed,
        world.queueing.copy(),
        histograms,
        world.control[:1].copy(),
        servers,
        pools,
        products,
        world.faults.copy(),
        world.journal[: row.journaled] if world.journal.size else None,
        parts=parts if world.groups.size else (),
        connected=connected,
    )


def _seen(servers: Any, connected: Any, first: int = 0) -> Any:
    """Return what is seen of servers, starting with that number, and of the clients connected to them."""
    if connected is not None:
        servers["connected"] = connected[:, first : first + servers.shape[1]]
    return servers


def _parts(world: World) -> list[Counted]:
    """Return what was counted, by row of CONFIG."""
    rows = len(world.config)
    tables = (
        world.series.reshape(rows, -1, counters.COLUMNS),
        world.sums.reshape(rows, -1),
        world.histograms.reshape(rows, counters.HISTOGRAMS, -1),
    )
    return [Counted(*(table[row].copy() for table in tables)) for row in range(rows)]


def _sum(parts: Sequence[Counted]) -> Counted:
    return Counted(
        sum(part.series for part in parts),
        sums.merged([part.sums for part in parts]),
        sum(part.histograms for part in parts),
    )


def _own_rows(world: World) -> tuple[Any, Any, Any]:
    """Return the rows of the servers that live here, of their pools, and of their sites' products."""
    config = world.config[0]
    first, products, first_site = int(config.first_server), int(config.products), int(config.first_site)
    end, end_site = first + int(config.local_servers), first_site + int(config.local_sites)
    return (
        world.servers[first:end].copy(),
        world.pools[first * products : end * products].copy(),
        world.products[first_site * products : end_site * products].copy(),
    )


def conserved(scenario: Scenario, tally: Tally) -> Tally:
    """Return a whole world's tally; raises InvariantViolation if licenses came or went between its sites."""
    products = [product.licenses for product in scenario.products]
    sites = tally.products.reshape(-1, len(products))
    underway, owned = sites["shipped"].sum(axis=0), sites["owned"].sum(axis=0)
    if (underway < 0).any() or (owned + underway != products).any():
        raise InvariantViolation(
            f"licenses are not conserved between sites: {products} at the start; at the end sites own"
            f" {owned.tolist()}, and {underway.tolist()} are on their way"
        )
    return tally


def merge(tallies: Iterable[Tally]) -> Tally:
    """Add up the tallies of all shards of a world, in order, one after the other; their journals are left out.

    Raises OriginError unless they have one origin.
    """
    shards = enumerate(tallies)
    _, first = next(shards)
    # What stays of the first is a copy: else all of what Ray has of it would have to stay, too.
    total = replace(first, control=_merge_control([first.control]), faults=first.faults.copy(), journal=None)
    for shard, tally in shards:
        check(tally.origin or {}, total.origin or {}, f"shard {shard}")
        total = _sum_of(total, tally)
    return total


def _sum_of(total: Tally, tally: Tally) -> Tally:
    """Return the tally of the first few shards with that of the next one."""
    both = (total, tally)
    connected = None if total.connected is None else total.connected + tally.connected
    return Tally(
        (total.digest + tally.digest) % 2**64,
        total.events + tally.events,
        total.series + tally.series,
        _seen(np.concatenate([one.server_series for one in both], axis=1), connected),
        sums.merged([one.sums for one in both]),
        sums.merged([one.queueing for one in both]),
        total.histograms + tally.histograms,
        _merge_control([one.control for one in both]),
        np.concatenate([one.servers for one in both]),
        np.concatenate([one.pools for one in both]),
        np.concatenate([one.products for one in both]),
        total.faults,
        None,
        sum_of([one.timing for one in both if one.timing]) if total.timing else None,
        [_sum(parts) for parts in zip(total.parts, tally.parts, strict=True)],
        total.origin,
        total.cpu_s + tally.cpu_s,
        connected,
    )


def _merge_control(rows: list[Any]) -> Any:
    """Return the control row of a world: each field as state/control.py says."""
    ways: dict[str, Any] = {control.SUM: np.sum, control.MAX: np.max, control.LOCAL: lambda _: 0}
    merged = np.zeros_like(rows[0])
    for field in control.FIELDS:
        merged[field.name] = ways[field.merge]([row[field.name][0] for row in rows])
    return merged
