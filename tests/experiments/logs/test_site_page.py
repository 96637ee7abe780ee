"""The page of a site: what was read, and on what evidence; recounted from the story."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from support.logs import BEGIN, Restart, flexnet, said, site_of, story

RESTART = Restart(BEGIN + timedelta(hours=20), BEGIN + timedelta(hours=20, seconds=90), says_so=True)
HAPPENED = story(7, licenses=3, users=12, restarts=[RESTART])
LINES = flexnet(HAPPENED.happenings)


def rows(page: str, chapter: str) -> list[list[str]]:
    """The cells of a chapter's table, without its head."""
    text = page.partition(f"## {chapter}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if "---" not in line][1:]


def test_products_are_told_with_what_was_in_use(tmp_path: Path):
    site = site_of(tmp_path, LINES)
    used_s: Counter[str] = Counter()
    for start_s, end_s, product, *_ in HAPPENED.sessions:
        used_s[product] += (site.facts["span_s"] if end_s is None else end_s) - start_s
    found = {row[0]: (row[3], row[4]) for row in rows(site.page, "Products")}
    assert found == {name: (f"{used_s[name] / site.facts['span_s']:.2f}", "3") for name in ("editor", "mesher")}


def test_denials_are_told_by_code_with_what_they_mean(tmp_path: Path):
    last = HAPPENED.happenings[-1].time
    others = [
        said(last, 'UNSUPPORTED: "f" (K ) ann@pc1  (No such feature exists. (-5,346))'),
        said(last, 'DENIED: "f" ann@pc1  (Checkout filter (-73,125))'),
    ]
    denials = sum(1 for row in HAPPENED.happenings if row.kind == "denied")
    assert rows(site_of(tmp_path, [*LINES, *others]).page, "Denials") == [
        ["denied", "-4,342", "all licenses are in use", str(denials)],
        ["unsupported", "-5,346", "no such feature exists", "1"],
        ["denied", "-73,125", "as the server says", "1"],
    ]


def test_licenses_and_outages_are_told_with_their_evidence(tmp_path: Path):
    page = site_of(tmp_path, LINES).page
    capacities = rows(page, "Licenses")
    assert {(row[0], row[3]) for row in capacities} == {("editor", "3"), ("mesher", "3")}
    assert all("decisions fit" in row[4] for row in capacities)
    (outage,) = rows(page, "Outages")
    stop, start = (
        next(n for n, line in enumerate(LINES, 1) if word in line and n > 3) for word in ("EXIT", "version")
    )
    assert outage == [
        str(RESTART.stop),
        "90",
        "vendord",
        f"stopped at debug.log:{stop}, started at debug.log:{start}",
    ]


def test_a_log_without_denials_says_why_that_may_be(tmp_path: Path):
    page = site_of(tmp_path, [line for line in LINES if "DENIED" not in line]).page
    assert "NOLOG DENIED" in page


def test_lines_that_were_not_understood_are_shown_without_names(tmp_path: Path):
    lines = [*LINES, "10:22:53 (vendord) OUT: Geheimrat 77 licenses"]
    assert (
        f"debug.log:{len(lines)}: 99:99:99 (xxxxxxx) OUT: xxxxxxxxx 99 licenses"
        in site_of(tmp_path, lines, keeps_names=False).page
    )
    assert (
        f"debug.log:{len(lines)}: 10:22:53 (vendord) OUT: Geheimrat 77 licenses" in site_of(tmp_path, lines).page
    )
