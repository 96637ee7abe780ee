"""Running a scenario: every version, replicated, in this process, on Ray workers or on Ray shards."""
