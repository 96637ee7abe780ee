"""How fast the engine is: beside its rivals, at its limits, and on shards. RESULTS.md has the figures."""
