"""How a policy is tuned, apart from what the scenario says: one value, from the command line to the folder."""

from pathlib import Path
from typing import NamedTuple


class TuneOptions(NamedTuple):
    """What a user chose. An unfinished tuning keeps it, so that another process can go on with it."""

    name: str = ""  # of the scenario
    objectives: tuple[str, ...] = ()  # METRIC:min or METRIC:max
    constraints: tuple[str, ...] = ()  # METRIC <= NUMBER or METRIC >= NUMBER
    workers: int | None = None  # processes that run worlds; 0: this one; None: one for each core, if that pays
    out: Path | None = None  # folder for the results
    force: bool = False  # replace what is in `out`
    as_json: bool = False  # print the summary instead of a table
