"""What may wrap a failover policy, by name: budgets, throttles, deadlines, circuit breakers, ejections."""

from . import breakers, budgets, outliers, throttles

POLICIES = budgets.POLICIES | breakers.POLICIES | outliers.POLICIES | throttles.POLICIES
