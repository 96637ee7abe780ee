"""Arms compared with a baseline, replication by replication, and what a scenario expects of its results."""
