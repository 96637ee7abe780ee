"""The log of arrivals where the disk does not have it."""

import re

import pytest
from meterstorm.actors.shards.sealed import CheckpointError
from meterstorm.actors.wall.arrivals import Account, Arrivals, Arrived

ACCOUNT = Account(7, 1.5, 3, 2, 900, 1, 0.25)


def test_who_opens_it_next_finds_what_was_kept(tmp_path):
    first, second = (Arrivals(tmp_path / "log") for _ in range(2))
    kept = [Arrived(5, 1, 1, b"a"), Arrived(6, 2, 3, b"")]
    first.keep(kept, ACCOUNT)
    assert list(second) == kept and second.accounts() == [ACCOUNT]
    first.close()
    second.close()


def test_a_full_disk_is_no_defect_and_names_the_file(tmp_path):
    """SQLite refuses further pages as it does where the disk has none."""
    log = Arrivals(tmp_path / "log")
    log._db.execute("PRAGMA max_page_count = 8")
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path / 'log'}: database or disk is full")):
        log.keep([Arrived(0, 1, 1, bytes(100_000))], ACCOUNT)
    log.close()


@pytest.mark.parametrize("use", [list, Arrivals.accounts, lambda log: log.keep([], ACCOUNT)])
def test_a_file_that_is_damaged_meanwhile_is_named_too(tmp_path, use):
    log = Arrivals(tmp_path / "log")
    log._db.execute("DROP TABLE arrivals")
    log._db.execute("DROP TABLE accounts")
    with pytest.raises(CheckpointError, match=r"log: no such table: (arrivals|accounts)"):
        use(log)
    log.close()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="gone/log: unable to open database file"):
        Arrivals(tmp_path / "gone" / "log")
