"""How a sweep is run, apart from what its file says: one value, from the command line to the folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class SweepOptions(NamedTuple):
    """What a user chose for a sweep. An unfinished one keeps it, so that another process can go on with it."""

    name: str = ""  # of the scenario
    workers: int | None = None  # processes that run worlds; 0: this one; None: one for each core, if that pays
    ray_address: str | None = None  # of a Ray cluster that runs them instead
    world_limit_s: float | None = None  # wall time for a world; None: no limit
    until: tuple[str, ...] = ()  # goals, as denial_fraction:5%; (): as many replications as the scenario says
    at_most: int = 1000  # replications of each world, where there are goals
    fail_fast: bool = False  # stop at the first world that fails
    out: Path | None = None  # folder for the results
    force: bool = False  # replace what is in `out`
    report: bool = True  # write report.html into the folder, too
    as_json: bool = False  # the summary on standard output, in place of a table
    ray_resources: Mapping[str, float] = {}  # Ray's custom ones: of each so much for every worker in a cluster
