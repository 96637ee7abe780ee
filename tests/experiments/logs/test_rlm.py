"""RLM report logs: handles, what was in use before, denials that are none, years and minutes."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from meterstorm.experiments.logs import importing

from support.logs import BEGIN, events_of, rlm, sessions_of, site_of, story, times_of, write

HEAD = [
    "RLM Report Log Format 0, version 14.1, authenticated",
    "START lic1 03/01/2024 22:00:00",
    "PRODUCT editor 1.0 1 3 0 0",
]


def out(handle: str, clock: str = "03/01 22:00:10", user: str = "ann") -> str:
    return f'OUT editor 1.0 1 {user} pc1 "" 1 1 0 {handle} 0 77 "" "editor" "1.0" {clock}'


def back(handle: str, why: int = 1, clock: str = "03/01 22:01:10") -> str:
    return f'IN {why} editor 1.0 ann pc1 "" 1 0 0 {handle} {clock}'


def test_handles_pair_exactly(tmp_path: Path):
    lines = [*HEAD, out("a1"), out("b2", "03/01 22:00:20"), back("b2"), back("a1", clock="03/01 22:02:10")]
    ends = [(start_s, end_s) for start_s, end_s, *_ in sessions_of(site_of(tmp_path, lines, "rlm"))]
    assert ends == [(10.0, 130.0), (20.0, 70.0)]


@pytest.mark.parametrize(
    ("why", "ended"),
    [(1, "in"), (2, "exited"), (3, "removed"), (4, "inactive"), (99, "why 99")],
)
def test_why_licenses_came_back(tmp_path: Path, why: int, ended: str):
    assert site_of(tmp_path, [*HEAD, out("a1"), back("a1", why)], "rlm").sessions["ended"].to_pylist() == [ended]


def test_a_denial_that_will_be_tried_again_is_told_apart(tmp_path: Path):
    denials = [f'DENY editor 1.0 bob pc2 "" 1 -22 {last} 77 03/01 22:05' for last in (0, 1)]
    site = site_of(tmp_path, [*HEAD, *(out(f"a{k}") for k in range(3)), *denials], "rlm")
    assert [detail for kind, detail in events_of(site, "kind", "detail") if kind == "denied"] == [
        "-22 again",
        "-22",
    ]
    assert site.capacity.to_pylist()[0]["denials"] == 1
    assert site.trace.num_rows == 4


def test_what_was_in_use_before_the_log_is_a_session_but_no_decision(tmp_path: Path):
    lines = [*HEAD, 'INUSE editor 1.0 1 ann pc1 "" 1 a1 03/01 22:00:00', back("a1"), out("b2", "03/01 22:03:00")]
    site = site_of(tmp_path, lines, "rlm")
    assert [one[:2] for one in sessions_of(site)] == [(0.0, 70.0), (180.0, None)]
    assert site.capacity.to_pylist()[0]["licenses"] == 3


def test_all_pools_of_a_product_count_and_a_reread_begins_anew(tmp_path: Path):
    lines = [*HEAD, "PRODUCT editor 2.0 2 4 0 0", out("a1"), "REREAD root lic1 03/01 23:00:00"]
    lines += ["PRODUCT editor 2.0 1 5 0 0"]
    rows = site_of(tmp_path, lines, "rlm").capacity.to_pylist()
    assert [(row["from_s"], row["licenses"]) for row in rows] == [(0.0, 7), (3600.0, 5)]


def test_a_switch_of_files_is_no_restart(tmp_path: Path):
    """The new file tells once more what is in use."""
    start, inuse = "START lic1 03/02/2024 00:00:00", 'INUSE editor 1.0 1 ann pc1 "" 1 a1 03/02 00:00:00'
    one = write(tmp_path / "one.log", [*HEAD, out("a1"), "SWITCH two.log 03/02 00:00:00"])
    again = [HEAD[0], start, HEAD[2], inuse]
    two = write(tmp_path / "two.log", [*again, back("a1", 1, "03/02 01:00:00")])
    site = importing.site_of("rlm", [two, one], True)
    assert [row[:2] for row in sessions_of(site)] == [(10.0, 3 * 3600.0)]
    assert site.capacity["licenses"].to_pylist() == [3]


def test_years_pass(tmp_path: Path):
    shift = datetime(2024, 12, 31, 12) - BEGIN
    happened = [row._replace(time=row.time + shift) for row in story(4).happenings]
    found = site_of(tmp_path, rlm(happened, 3), "rlm")
    assert times_of(found) == [row.time for row in happened]


def test_minutes_do_not_take_time_back(tmp_path: Path):
    lines = [
        *HEAD,
        out("a1", "03/01 22:05:40"),
        'DENY editor 1.0 bob pc2 "" 1 -22 1 03/01 22:05',
        out("a2", "03/01 22:05:50"),
    ]
    expected = [BEGIN, *(BEGIN + timedelta(minutes=5, seconds=second) for second in (40, 40, 50))]
    assert times_of(site_of(tmp_path, lines, "rlm")) == expected


@pytest.mark.parametrize(
    "line",
    [
        "OUT editor 1.0 1 ann",
        out("no handle"),
        out("a1").replace(' "" 1 ', ' "" x ', 1),
        out("a1", "13/01 22:00:00"),
        out("a1", ""),
        "PRODUCT editor",
        "nothing of the kind",
    ],
)
def test_what_is_not_understood_is_counted(tmp_path: Path, line: str):
    site = site_of(tmp_path, [*HEAD, out("b1"), line], "rlm")
    assert site.facts["lines"]["not understood"] == 1
    assert len(site.sessions) == 1


def test_what_is_told_to_be_in_use_at_the_end_is_no_other_session(tmp_path: Path):
    lines = [*HEAD, out("a1"), 'INUSE editor 1.0 1 ann pc1 "" 1 a1 77 03/01 23:00:00', "END 03/01/2024 23:00"]
    assert [row[:2] for row in sessions_of(site_of(tmp_path, lines, "rlm"))] == [(10.0, None)]


def test_text_before_the_start_is_a_header_that_names_the_server(tmp_path: Path):
    header = [
        "ISV: maker, RLM version 14.1 BL2",
        "",
        "Logfile format Copyright",
        "You are encouraged to build tools",
    ]
    site = site_of(tmp_path, [HEAD[0], *header, *HEAD[1:], out("a1")], "rlm")
    assert set(site.events["server"].to_pylist()) == {"maker"}
    assert site.facts["lines"]["not understood"] == 0


def test_the_detailed_format_has_more_after_the_time(tmp_path: Path):
    more = '.0042 "x64_w4 10.0" "editor.exe" 1 0 10.0.0.7'
    lines = [HEAD[0].replace("Format 0", "Format 2"), *HEAD[1:], out("a1") + more, back("a1") + ".9999"]
    assert [row[:2] for row in sessions_of(site_of(tmp_path, lines, "rlm"))] == [(10.0, 70.0)]


def test_the_small_format_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r'debug.log: is of the format "small", .* "std" or "detailed"'):
        site_of(tmp_path, [HEAD[0].replace("Format 0", "Format 1"), *HEAD[1:]], "rlm")
