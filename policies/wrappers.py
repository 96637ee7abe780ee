"""What a failover policy may be within, by name: budgets, throttles, deadlines and circuit breakers."""

from . import breakers, budgets

POLICIES = budgets.POLICIES | breakers.POLICIES
