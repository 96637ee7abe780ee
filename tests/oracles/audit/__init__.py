"""The books of a whole world, counted once more in plain numpy and Python from its tables and its journal.

Nothing here calls the engine: its own recount (`engine/invariants.py`) may share its mistakes.
"""

from oracles.audit import holders, launches, licenses, links, messages, rows, timers
from oracles.audit.tables import Tables


def audit(tables: Tables) -> None:
    """Assert everything that must hold at any time."""
    for part in (licenses, rows, holders, timers, launches, links, messages):
        part.check(tables)
