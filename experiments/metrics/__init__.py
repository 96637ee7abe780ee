"""What is measured: the metrics of a replication, their meanings, and intervals over replications."""
