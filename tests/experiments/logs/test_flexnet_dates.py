"""FlexNet's lines have the time of the day only: which day it is."""

import random
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from meterstorm.experiments.logs import importing
from meterstorm.experiments.logs.dates import in_order

from support.logs import (
    BEGIN,
    Happening,
    banner,
    clock,
    day,
    events_of,
    every,
    flexnet,
    of_user,
    said,
    site_of,
    story,
    times_of,
    write,
)

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
START = [banner(BEGIN), said(BEGIN, "FlexNet Licensing version v11.19.1")]


def out(time: datetime, user: str = "ann") -> str:
    return said(time, of_user(Happening(time, "out", "editor", user, "pc1")))


def back(time: datetime, user: str = "ann") -> str:
    return said(time, of_user(Happening(time, "in", "editor", user, "pc1")))


def times(folder: Path, lines: list[str]) -> list[datetime]:
    """When users' events were."""
    site = site_of(folder, lines)
    kinds = site.events["kind"].to_pylist()
    return [time for time, kind in zip(times_of(site), kinds, strict=True) if kind in {"out", "in"}]


def test_midnights_are_counted(tmp_path: Path):
    expected = list(every(5 * HOUR, BEGIN, BEGIN + timedelta(days=9)))
    assert times(tmp_path, [*START, *map(out, expected)]) == expected


def test_lines_before_the_first_day_are_dated_backwards(tmp_path: Path):
    expected = list(every(7 * HOUR, BEGIN, BEGIN + timedelta(days=5)))
    stamp = said(expected[-1], f"TIMESTAMP {day(expected[-1])}", "lmgrd")
    assert times(tmp_path, [*map(out, expected), stamp]) == expected


@pytest.mark.parametrize(
    "stamp",
    [
        "(lmgrd) TIMESTAMP 3/9/2024",
        "(vendord) (@vendord-SLOG@) Time: Sat Mar 09 2024 07:00:00 Hora de verano romance",
        "(lmgrd) (@lmgrd-SLOG@) Start-Date: Sat Mar 09 2024 07:00:00 EST",
        "(lmgrd) Server's System Date and Time: Sat Mar 09 2024 07:00:00 CET",
        "(lmgrd) FLEXnet Licensing (v11.9.0.0 build 87342 x64_n6) started on HOST (IBM PC) (3/9/2024)",
    ],
    ids=lambda text: text.split(":")[0],
)
def test_every_line_that_tells_the_day_is_believed(tmp_path: Path, stamp: str):
    later = datetime(2024, 3, 9, 7, 0, 10)
    assert times(tmp_path, [*START, out(BEGIN), f" 7:00:00 {stamp}", out(later)]) == [BEGIN, later]


def test_a_peak_s_date_is_not_the_day(tmp_path: Path):
    peak = "(@vendord-SLOG@) Peak active connections #4 attempted at Sun Jan 08 2017 20:00:01 EST"
    assert times(tmp_path, [*START, said(BEGIN, peak), out(BEGIN)]) == [BEGIN]


def test_the_block_before_a_banner_s_day_is_of_that_day(tmp_path: Path):
    """The server was off for days: its first lines come before the one that says the day."""
    again = BEGIN + timedelta(days=3, minutes=5)
    block = [said(again + k * SECOND, "Please note:", "lmgrd") for k in range(27)]
    head = [said(again, "FlexNet Licensing version v11.19.1"), *block, banner(again + 27 * SECOND)]
    site = site_of(tmp_path, [*START, out(BEGIN + MINUTE), *head, out(again + MINUTE)])
    assert times_of(site) == [BEGIN, BEGIN + MINUTE, again, again + MINUTE]


def test_days_without_a_word_pass_before_the_last_step_back(tmp_path: Path):
    """A step back of less than half a day is no midnight by itself, but a later line says the day."""
    morning = BEGIN + timedelta(hours=15)  # 13:00, nine hours before the clock of the line above it
    stamp = said(morning + 2 * HOUR, f"TIMESTAMP {day(morning)}", "lmgrd")
    assert times(tmp_path, [*START, out(BEGIN), out(morning), stamp]) == [BEGIN, morning]


@pytest.mark.parametrize("seconds", [1, 2, 30])
def test_a_line_overtaken_at_midnight_is_no_new_day(tmp_path: Path, seconds: int):
    midnight = datetime(2024, 3, 2)
    lines = [out(midnight), out(midnight - seconds * SECOND, "bob"), out(midnight + HOUR, "cid")]
    assert times(tmp_path, [*START, *lines]) == [midnight, midnight, midnight + HOUR]


def test_an_hour_told_twice_in_autumn_does_not_go_back(tmp_path: Path):
    last = datetime(2024, 3, 2, 2, 50)
    lines = [out(last), out(last - 45 * MINUTE, "bob"), out(last + HOUR, "cid")]
    assert times(tmp_path, [*START, *lines]) == [last, last, last + HOUR]


def test_a_clock_set_back_for_a_while_never_takes_time_back(tmp_path: Path):
    """Five months back, with a restart even, then right again."""
    wrong = BEGIN - timedelta(days=150)
    meanwhile = [banner(wrong), *(out(wrong + k * MINUTE) for k in range(3)), said(wrong, "TIMESTAMP 10/3/2023")]
    right = BEGIN + HOUR
    before = [said(BEGIN - k * HOUR, f"TIMESTAMP {day(BEGIN - k * HOUR)}", "lmgrd") for k in (3, 2, 1)]
    after = [said(right + k * HOUR, f"TIMESTAMP {day(right + k * HOUR)}", "lmgrd") for k in range(3)]
    lines = [*before, out(BEGIN), *meanwhile, *after, out(right + 2 * HOUR)]
    found = times(tmp_path, lines)
    assert found[0] == BEGIN
    assert found[-1] == right + 2 * HOUR
    assert found == sorted(found)


@pytest.mark.parametrize("hours", [-1, 1, 4])
def test_what_a_wrong_clock_says_does_not_hold_up_the_right_one(tmp_path: Path, hours: int):
    """Its hour may be later than the right one."""
    wrong = BEGIN - timedelta(days=150) + hours * HOUR
    altered = [said(wrong + k * SECOND, "System clock setback detected") for k in range(-3, 3)]
    altered.insert(3, said(wrong, f"TIMESTAMP {day(wrong)}"))
    stamps = [said(BEGIN - k * HOUR, f"TIMESTAMP {day(BEGIN - k * HOUR)}", "lmgrd") for k in (2, 1)]
    assert times(tmp_path, [*stamps, out(BEGIN), *altered, out(BEGIN + MINUTE)]) == [BEGIN, BEGIN + MINUTE]


def test_days_that_are_told_out_of_order_are_not_believed():
    assert in_order([1, 2, 9, 3, 0, 4]) == [0, 1, 3, 5]
    assert in_order([]) == []


def test_stamps_with_dates_need_no_midnights(tmp_path: Path):
    gap = datetime(2024, 3, 11, 9, 30)
    lines = [f"{time.isoformat()}+01:00 {out(time)[len(clock(time)) :].strip()}" for time in (BEGIN, gap)]
    assert times(tmp_path, lines) == [BEGIN, gap]


def parts(seed: int) -> list[list[str]]:
    """A log in three files."""
    lines = flexnet(story(seed, days=6.0).happenings)
    stamps = [number for number, line in enumerate(lines) if "TIMESTAMP" in line]
    cuts = [0, stamps[8], stamps[17], len(lines)]
    return [lines[a:b] for a, b in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(3))
def test_files_in_any_order_are_one_log(tmp_path: Path, seed: int):
    made = parts(seed)
    whole = site_of(tmp_path, [line for part in made for line in part])
    files = [write(tmp_path / f"{number}.log", part) for number, part in enumerate(made)]
    random.Random(seed).shuffle(files)
    found = importing.site_of("flexnet", files, True)
    assert found.sessions == whole.sessions
    assert found.capacity["licenses"] == whole.capacity["licenses"]


def test_what_is_in_two_files_counts_once(tmp_path: Path):
    made = parts(1)
    whole = site_of(tmp_path, [line for part in made for line in part])
    files = [write(tmp_path / "a.log", made[0] + made[1]), write(tmp_path / "b.log", made[1] + made[2])]
    found = importing.site_of("flexnet", files, True)
    assert found.sessions == whole.sessions
    assert found.facts["lines"]["repeated"] == len(made[1])


def restarted(seed: int, begin: datetime) -> list[str]:
    """A log that begins with a start of the server."""
    shift = begin - BEGIN
    return flexnet(row._replace(time=row.time + shift) for row in story(seed, days=1.5).happenings)


def test_logs_of_one_file_newest_first_are_put_in_order(tmp_path: Path):
    logs = [restarted(seed, BEGIN + timedelta(days=10 * seed)) for seed in range(3)]
    forwards = site_of(tmp_path, [line for log in logs for line in log])
    backwards = site_of(tmp_path, [line for log in reversed(logs) for line in log])
    assert backwards.sessions == forwards.sessions
    assert backwards.outages.num_rows == 2


def test_a_log_that_is_there_twice_counts_once(tmp_path: Path):
    logs = [restarted(seed, BEGIN + timedelta(days=10 * seed)) for seed in range(2)]
    once = site_of(tmp_path, [*logs[0], *logs[1]])
    again = site_of(tmp_path, [*logs[1], *logs[0], *logs[1], *logs[0]])
    assert again.sessions == once.sessions
    assert again.facts["lines"]["repeated"] == len(logs[0]) + len(logs[1])


def test_logs_of_two_servers_are_refused(tmp_path: Path):
    files = [write(tmp_path / f"{seed}.log", flexnet(story(seed).happenings)) for seed in (1, 2)]
    with pytest.raises(ValueError, match=r"2.log: is of the same time .* each server into a folder of its own"):
        importing.site_of("flexnet", files, True)


def test_a_file_without_a_day_goes_alone(tmp_path: Path):
    lonely = [out(BEGIN), back(BEGIN + HOUR)]
    files = [write(tmp_path / "a.log", restarted(1, BEGIN)), write(tmp_path / "b.log", lonely)]
    with pytest.raises(ValueError, match=r"b.log: no line says which day it is"):
        importing.site_of("flexnet", files, True)
    assert events_of(importing.site_of("flexnet", files[1:], True), "time_s", "kind") == [(0, "out"), (3600, "in")]
