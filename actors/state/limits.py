"""The largest values that fields of rows can hold."""

LICENSES_MAX = 2**15 - 1  # of one lease: LEASE.count and RECORDED.count have two bytes
