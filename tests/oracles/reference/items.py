"""What waits at a client for its turn."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.program import Program

REPEATED, ELSEWHERE, WAITING, LAST = 0, 1, 2, 3  # whose turn comes first


class Item:
    """What a client says to its server when its turn comes: a request, or a heartbeat (no program)."""

    def __init__(self, order: int, program: "Program | None" = None, rank: int = WAITING):
        self.order, self.program, self.rank = order, program, rank
        self.failures = 0

    @property
    def wanted(self) -> bool:
        return self.program is None or not self.program.ended
