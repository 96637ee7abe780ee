"""The metrics of each group of clients: what is counted for its clients, and how long that lasts.

Counts add up, over the groups and the rest, to the world's metric. (Except that `messages` and `messages_lost` are
those from and to clients; a world also has those of its site servers.)
"""

from typing import Any

from meterstorm.actors.records import ledger, sums
from meterstorm.actors.setup import groups
from meterstorm.actors.shards.tally import Counted, Tally
from meterstorm.actors.state import counters
from meterstorm.actors.state import sums as words

from .metrics import HOUR_US, Value, client_burden, counts, durations, measured_us
from .names import METRICS_OF_GROUPS

Groups = dict[str, dict[str, Value]]  # by name, the rest first


def sizes(scenario: Any) -> dict[str, int]:
    """Return how many clients each group has; the rest come first, if there are any."""
    if not scenario.groups:
        return {}
    found = zip(groups.names(scenario), groups.sizes_of(scenario), strict=True)
    return {name: size for name, size in found if size}


def of_groups(scenario: Any, tally: Tally) -> Groups:
    """Return the metrics of the groups of one replication."""
    parts = dict(zip(groups.names(scenario), tally.parts[groups.FIRST_ROW :], strict=False))
    largest = int(tally.control[0]["wait_max"])
    return {name: _metrics(scenario, parts[name], size, largest) for name, size in sizes(scenario).items()}


def _metrics(scenario: Any, part: Counted, clients: int, longest_wait: int) -> dict[str, Value]:
    end_us, duration_us = measured_us(scenario)

    def area_us(row: int, still: int) -> int:
        return ledger.area_us(part.sums[row], sums.value(part.sums[still]), end_us)

    found = {
        **counts(scenario, part.series),
        "unmetered_license_hours": area_us(words.UNMETERED_AREA, words.UNMETERED) / HOUR_US,
        "waiting_users_mean": area_us(words.WAITING_AREA, words.WAITING) / duration_us,
        **durations("wait", sums.value(part.sums[words.WAITS]), part.histograms[counters.WAIT], longest_wait),
        **client_burden(scenario, part.series, clients),
    }
    return {name: found[name] for name in METRICS_OF_GROUPS}
