"""Sums over time, which outgrow 64 bits: together the users of a large site wait longer than 2^63 ns.

A sum has two words and is `high * 2^LOW_BITS + low`, so that adding shards' words gives the world's sum exactly,
in any order. The low word leaves room for 2^15 shards; the high one for 2^111 in all.
"""

from .rows import rows

LOW_BITS = 48

SUM = rows(("high", "i8"), ("low", "i8"))

# Rows of `world.sums`, a set for each row of `world.config`. Areas are in us: see records/ledger.py.
WAITS, WAITING_AREA, UNMETERED_AREA, LEASED_AREA, GHOST_AREA, ORPHAN_AREA = range(6)
WAITING, UNMETERED = 6, 7  # how many there are now
SUMS = 8
