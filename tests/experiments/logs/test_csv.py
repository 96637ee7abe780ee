"""Plain CSV: which columns it has, and what a wrong row does."""

from datetime import datetime
from pathlib import Path

import pytest

from support.logs import events_of, plain, sessions_of, site_of, story

ROW = "2024-03-01T22:00:00,out,editor,ann"
HEAD = "time,kind,product,user"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_read_too(tmp_path: Path, delimiter: str):
    lines = plain(story(1).happenings)
    expected = site_of(tmp_path, lines, "csv")
    found = site_of(tmp_path, [line.replace(",", delimiter) for line in lines], "csv")
    assert found.sessions == expected.sessions


def test_seconds_are_times_too(tmp_path: Path):
    happened = story(1).happenings
    expected = site_of(tmp_path, plain(happened), "csv")
    epoch = datetime(1970, 1, 1)
    lines = [
        line.replace(row.time.isoformat(), str((row.time - epoch).total_seconds()))
        for line, row in zip(plain(happened)[1:], happened, strict=True)
    ]
    found = site_of(tmp_path, [plain([])[0], *lines], "csv")
    assert (found.sessions, found.facts["origin"]) == (expected.sessions, expected.facts["origin"])


def test_rows_may_be_in_any_order(tmp_path: Path):
    head, *rows = plain(story(1).happenings)
    expected = site_of(tmp_path, [head, *rows], "csv")
    assert site_of(tmp_path, [head, *reversed(rows)], "csv").sessions == expected.sessions


def test_handles_and_servers_may_be_told(tmp_path: Path):
    lines = [f"{HEAD},handle,server", "1,out,f,ann,1,x", "2,out,f,ann,2,x", "3,in,f,ann,2,x", "4,out,f,ann,1,y"]
    site = site_of(tmp_path, lines, "csv")
    assert [one[:2] for one in sessions_of(site)] == [(0.0, None), (1.0, 2.0), (3.0, None)]
    assert events_of(site, "server")[-1] == ("y",)


@pytest.mark.parametrize(
    "row",
    [
        "yesterday,out,editor,ann",
        "2024-03-01,lent,editor,ann",
        "2024-03-01,out,,ann",
        "2024-03-01,out,editor",
        "inf,out,editor,ann",
    ],
)
def test_a_wrong_row_is_counted_and_shown(tmp_path: Path, row: str):
    site = site_of(tmp_path, [HEAD, ROW, row], "csv")
    assert site.facts["lines"] | {"not understood": 1, "events": 1} == site.facts["lines"]
    assert f"debug.log:3: {row}" in site.page


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("time,kind,product", "there is no column user; it has time, kind, product"),
        (f"{HEAD},colour", "unknown column 'colour'; allowed: time, kind, product, user, host"),
        (f"{HEAD},user", "there are 2 columns 'user'; there must be one"),
    ],
)
def test_columns_are_checked(tmp_path: Path, head: str, words: str):
    with pytest.raises(ValueError, match=words):
        site_of(tmp_path, [head, ROW], "csv")
