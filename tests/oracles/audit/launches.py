"""Every launch is accounted for."""

import numpy as np
from meterstorm.actors.state import clients, counters

from oracles.audit.tables import Tables

DECIDED_LATER = (clients.AWAITING, clients.WILL_ASK, clients.CALLED)


def check(tables: Tables) -> None:
    """Launches are what the slots have drawn, and each has an outcome."""
    _are_all_counted(tables)
    if tables.config.measure_from == 0:  # users' waits are counted from the end of the warm-up on
        _have_outcomes(tables)


def _are_all_counted(tables: Tables) -> None:
    arrived = tables.total[counters.LAUNCHES] + tables.total[counters.SUPPRESSED]
    if tables.config.arrivals == clients.CLOSED:
        assert tables.total[counters.LAUNCHES] == tables.slots["program"].sum()
        assert tables.total[counters.SUPPRESSED] == 0
    elif tables.config.arrivals == clients.OPEN:
        assert arrived == tables.world.launch_numbers.sum()
    else:
        before = np.searchsorted(tables.world.recorded["client"], np.arange(tables.config.clients))
        assert arrived == (tables.world.recorded_next - before).sum()


def _have_outcomes(tables: Tables) -> None:
    """A launched program that asks is granted, denied, given up, started without a server, or undecided.

    Some are not counted: a program that ran out before its answer, or ended in a crash of its client, so that the
    sum may fall short under `after-start` or with crashes; and a user who asks again after an eviction or after a
    start without a server, so that it may be too large where users do not just give up.
    """
    config, total = tables.config, tables.total
    undecided = np.isin(tables.slots["state"], DECIDED_LATER).sum()
    known = tables.control.wait_count + total[counters.GAVE_UP] + total[counters.UNMETERED_STARTS] + undecided
    none_asks_later = total[counters.EVICTIONS] == total[counters.UNMETERED_STARTS] == 0
    no_second = none_asks_later or all(own.gives_up for own in tables.own)
    is_recorded = config.arrivals == clients.TRACE
    none_runs_out = all(own.before_start or (own.run_time == 0 and not is_recorded) for own in tables.own)
    none_runs_out &= total[counters.CLIENT_CRASHES] == 0
    assert known <= total[counters.LAUNCHES] or not no_second
    assert known >= total[counters.LAUNCHES] or not none_runs_out
