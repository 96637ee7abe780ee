"""Searches: the parameters that are best for a metric, and the fault schedule that breaks one."""
