"""How a scenario is run, apart from what its file says: one value, from the command line to the files."""

from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """What a user chose for a run. An unfinished run keeps it, so that another process can go on with it."""

    name: str = ""  # of the scenario
    shards: int = 1  # Ray actors that share each world; 1: this process, without Ray
    workers: int | None = None  # Ray workers that run whole worlds; 0: none; None: when that is faster
    keep_journal: bool = False  # every event of every world
    checkpoint_every_s: float | None = None  # wall time; None: no checkpoints
    ray_address: str | None = None  # of a Ray cluster; None: a Ray of this process's own
    placement: str = "pack"  # nodes of the cluster for the shards: PLACEMENTS of actors/cluster/placement.py
    check_shards: int = 0  # rerun first replications on this many shards and compare digests; 0: do not
    out: Path | None = None  # folder for the results; None: results/NAME-DIGEST
    force: bool = False  # replace the run that is in `out`
    as_json: bool = False  # the summary on standard output, in place of tables
    junit: str | None = None  # absolute path of a file for what is expected and whether it holds; None: none
    until: tuple[str, ...] = ()  # goals, as denial_fraction:5%; (): as many replications as the scenario says
    at_most: int = 1000  # replications, where there are goals
    report: bool = True  # write report.html into the folder, too


def of_simulated_time(options: Options) -> dict[str, object]:
    """Return by name the options that were given and that only simulated time has."""
    values = {
        "keep_journal": options.keep_journal,
        "checkpoint_every_s": options.checkpoint_every_s,
        "check_shards": options.check_shards,
        "workers": options.workers,
        "ray_address": options.ray_address,
    }
    return {name: value for name, value in values.items() if value not in (None, 0)}
