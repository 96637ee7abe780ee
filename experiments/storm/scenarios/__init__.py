"""The storms of the benchmark, a file each: what happens, and where that is from."""
