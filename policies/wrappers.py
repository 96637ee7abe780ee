"""What a failover policy may be within, by name: budgets, throttles, deadlines, circuit breakers, ejections."""

from . import breakers, budgets, outliers, throttles

POLICIES = budgets.POLICIES | breakers.POLICIES | outliers.POLICIES | throttles.POLICIES
