"""The storms of the benchmark, one file each: what happens, and its source."""
