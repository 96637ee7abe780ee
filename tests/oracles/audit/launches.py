"""Every launch is accounted for."""

import numpy as np
from meterstorm.actors import client, workload, world

from oracles.audit.tables import Tables

DECIDED_LATER = (client.WAITING, client.ASKING, client.CALLED)


def check(tables: Tables) -> None:
    """Launches are what the slots have drawn, and each has an outcome."""
    _are_all_counted(tables)
    if tables.config.measure_from == 0:  # users' waits are counted from the end of the warm-up on
        _have_outcomes(tables)


def _are_all_counted(tables: Tables) -> None:
    arrived = tables.total[world.LAUNCHES] + tables.total[world.SUPPRESSED]
    if tables.config.arrivals == workload.CLOSED:
        assert tables.total[world.LAUNCHES] == tables.slots["program"].sum()
        assert tables.total[world.SUPPRESSED] == 0
    elif tables.config.arrivals == workload.OPEN:
        assert arrived == tables.world.arrivals.sum()
    else:
        before = np.searchsorted(tables.world.recorded["client"], np.arange(tables.config.clients))
        assert arrived == (tables.world.recorded_next - before).sum()


def _have_outcomes(tables: Tables) -> None:
    """A launched program that asks is granted, denied, given up, started without a server, or undecided.

    Two things are not counted: a program that ran out before its answer, so that the sum may fall short under
    `after-start`; and a user who asks again after an eviction or after a start without a server, so that it may
    be too large under other than `give-up`.
    """
    config, total = tables.config, tables.total
    undecided = np.isin(tables.slots["state"], DECIDED_LATER).sum()
    known = tables.control.wait_count + total[world.GAVE_UP] + total[world.UNMETERED_STARTS] + undecided
    no_second = config.on_denial == client.GIVE_UP or (
        total[world.EVICTIONS] == total[world.UNMETERED_STARTS] == 0
    )
    none_runs_out = config.before_start or (config.run_time == 0 and config.arrivals != workload.TRACE)
    assert known <= total[world.LAUNCHES] or not no_second
    assert known >= total[world.LAUNCHES] or not none_runs_out
