"""What must hold of drawn scenarios, by the title that they carry."""

from collections.abc import Callable
from typing import Any

from meterstorm.experiments.scenario import Scenario

from oracles.properties import balance, liveness
from support import drawn

# The scenarios drawn, and what is checked.
PROPERTIES: dict[str, tuple[Any, Callable[[Scenario], object]]] = {
    "drawn": (drawn.scenarios(), balance.balances),
    balance.QUIET: (balance.quiet(), balance.balances),
    liveness.DECIDED: (liveness.healing(), liveness.decides),
    liveness.GRANTED: (liveness.haunted(), liveness.grants),
}
