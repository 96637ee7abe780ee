"""How a scenario is run, apart from what its file says: one value, from the command line to the files."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from meterstorm.actors.cluster.room import CPU_WAIT_S, Room
from meterstorm.actors.shards.storage import Location


class Options(NamedTuple):
    """What a user chose for a run. An unfinished run keeps it, so that another process can go on with it."""

    name: str = ""  # of the scenario
    shards: int = 1  # Ray actors that share each world; 1: this process, without Ray
    workers: int | None = None  # Ray workers that run whole worlds; 0: none; None: when that is faster
    keep_journal: bool = False  # every event of every world
    checkpoint_every_s: float | None = None  # wall time; None: no checkpoints
    ray_address: str | None = None  # of a Ray cluster; None: a Ray of this process's own
    placement: str = "pack"  # nodes of the cluster for the shards: PLACEMENTS of actors/cluster/room.py
    cpu_wait_s: float = CPU_WAIT_S  # how long shards wait for a CPU each in a cluster
    ray_resources: Mapping[str, float] = {}  # Ray's custom ones: of each so much for every shard or worker
    check_shards: int = 0  # rerun first replications on this many shards and compare digests; 0: do not
    out: Location | None = None  # folder for the results; None: results/NAME-DIGEST
    scratch: Path | None = None  # folder for what memory has no room for; None: the system's temporary one
    force: bool = False  # replace the run that is in `out`
    as_json: bool = False  # the summary on standard output, in place of tables
    junit: str | None = None  # absolute path of a file for what is expected and whether it holds; None: none
    until: tuple[str, ...] = ()  # goals, as denial_fraction:5%; (): as many replications as the scenario says
    at_most: int = 1000  # replications, where there are goals
    report: bool = True  # write report.html into the folder, too

    @property
    def room(self) -> Room:
        """What shards and workers ask of a cluster, apart from memory."""
        return Room(self.placement, self.cpu_wait_s, self.ray_resources)


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
