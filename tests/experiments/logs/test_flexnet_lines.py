"""What a line of a FlexNet debug log says, in all the ways in which servers write it."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from meterstorm.experiments.logs import importing
from meterstorm.experiments.logs.flexnet_lines import Event, parse

from support.logs import BEGIN, banner, events_of, flexnet, said, sessions_of, site_of, story

HEAD = [banner(BEGIN), said(BEGIN, "FlexNet Licensing version v11.19.1")]


def event(text: str) -> Event:
    line = parse(f"10:22:53 (vendord) {text}")
    assert line is not None
    assert isinstance(line.said, Event)
    return line.said


@pytest.mark.parametrize(
    ("text", "licenses"),
    [
        ('OUT: "base" ann@pc1  ', 1),
        ('OUT: "base" ann@pc1  (8 licenses) ', 8),
        ('OUT: "base" ann@pc1 (1 license)', 1),
        ('OUT: "base" ann@pc1 [base:solver] (13 licenses)', 13),
        ('OUT: "base" (5 licenses) ann@pc1', 5),
        ('OUT: "base" ann@pc1  ^^^ 1.0 ann 10.0.0.1 77 1 2 3 a b c ^^^', 1),
    ],
)
def test_licenses_are_one_where_none_are_told(text: str, licenses: int):
    assert event(text) == Event("out", "vendord", "base", "ann", "pc1", licenses, None)


@pytest.mark.parametrize(
    ("who", "user", "host"),
    [
        ("ann@pc1", "ann", "pc1"),
        ("Ann van Dyck@pc-1.example.org", "Ann van Dyck", "pc-1.example.org"),
        ("Zoë@d'arc", "Zoë", "d'arc"),
        ("ann@corp@pc1", "ann", "corp@pc1"),
        ("@pc1", "", "pc1"),
        ("(2 licenses) @pc1", "", "pc1"),
    ],
)
def test_users_may_have_spaces_and_signs(who: str, user: str, host: str):
    assert event(f'IN: "base" {who}  ')[3:5] == (user, host)


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ('IN: "f" a@b  (SHUTDOWN)', "in", "shutdown"),
        ('IN: "f" a@b  (INACTIVE)', "in", "inactive"),
        ('IN: "f" a@b  ', "in", None),
        ('DENIED: "f" a@b  (Licensed number of users already reached. (-4,342))', "denied", "-4,342"),
        ('DENIED: "f" a@b  (Licensed number of users already reached. (-4,342:10054 ""))', "denied", "-4,342"),
        ('DENIED: "f" a@b  (Already reached. (-4,342:104 "Connection reset by peer"))', "denied", "-4,342"),
        ('DENIED: "f" a@b  "v2023.12"(License server does not support it. (-25,334))', "denied", "-25,334"),
        (
            'UNSUPPORTED: "f" (PORT_AT_HOST_PLUS ) a@b (No such feature. (-5,346))',
            "unsupported",
            "-5,346",
        ),
        ('DENIED: "f" a@b  (User/host not on INCLUDE list)', "denied", "user/host not on include list"),
        ('QUEUED: "f" a@b  ', "queued", None),
        ('DEQUEUED: "f" a@b  ', "dequeued", None),
    ],
)
def test_what_became_of_a_request(text: str, kind: str, detail: str | None):
    found = event(text)
    assert (found.kind, found.detail) == (kind, detail)


@pytest.mark.parametrize("prefix", ["10:22:53 (vendord_2) ", " 9:22:53 (vendord) ", "09:22:53 (vendord)\t"])
def test_a_forked_daemon_is_its_parent(prefix: str):
    line = parse(f'{prefix}OUT: "f" a@b')
    assert line is not None
    assert line.said.daemon == "vendord"


@pytest.mark.parametrize(
    "text",
    [
        '24:00:00 (vendord) OUT: "f" a@b',
        '10:60:00 (vendord) OUT: "f" a@b',
        '10:00:00 (vendord) OUT: "f" nobody',
        '10:00:00 (vendord) OUT: "" a@b',
        '10:00:00 (vendord) OUT: "f" a@b (0 licenses)',
        '10:00:00 (vendord) OUT: "f" a@b (40000 licenses)',
        'OUT: "f" a@b',
        "Shut down FlexNet MLM license server system on machine X",
    ],
)
def test_other_lines_are_not_understood(text: str):
    assert parse(text) is None


def test_one_person_has_one_name_whatever_its_case(tmp_path: Path):
    lines = [said(BEGIN, 'OUT: "f" Ann@PC1'), said(BEGIN, 'IN: "f" ANN@pc1')]
    assert sessions_of(site_of(tmp_path, [*HEAD, *lines])) == [(0.0, 0.0, "f", "ann", "pc1", 1)]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("latin-1"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.removesuffix("\n").encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\n", "  \n").encode(),
    ],
    ids=["utf-8 with mark", "utf-16-le", "utf-16 with mark", "latin", "crlf", "no last end", "gzip", "blanks"],
)
def test_a_log_is_the_same_in_every_encoding(tmp_path: Path, encode):
    lines = [line.replace("user1", "Jürgen") for line in flexnet(story(2).happenings)]
    expected = site_of(tmp_path, lines)
    assert any("jürgen" in session for session in sessions_of(expected))
    path = tmp_path / "encoded.log"
    path.write_bytes(encode("".join(f"{line}\n" for line in lines)))
    found = importing.site_of("flexnet", [path], True)
    assert found.sessions == expected.sessions
    assert found.facts["lines"] == expected.facts["lines"]


def test_noise_between_the_lines_changes_nothing(tmp_path: Path):
    lines = flexnet(story(2).happenings)
    noise = [
        "(@vendord-SLOG@) ===============================================",
        "(@vendord-SLOG@) === Host Info ===",
        "Server started on lic1 for:\teditor mesher",
        "Rereading options file...",
    ]
    noisy = [one for line in lines for one in (line, *(line[:9] + "(vendord) " + text for text in noise), "")]
    expected, found = site_of(tmp_path, lines), site_of(tmp_path, noisy)
    assert found.sessions == expected.sessions
    assert found.facts["lines"]["messages"] == expected.facts["lines"]["messages"] + len(noise) * len(lines)
    assert found.facts["lines"]["blank"] == len(lines)


def test_a_reread_keeps_what_is_out(tmp_path: Path):
    later = BEGIN + timedelta(hours=1)
    reread = ["Rereading license file...", "Server started on lic1 for:\teditor", "...Finished rereading"]
    lines = [
        said(BEGIN, 'OUT: "f" ann@pc1'),
        *(said(later, text) for text in reread),
        said(later, 'IN: "f" ann@pc1'),
    ]
    site = site_of(tmp_path, [*HEAD, *lines])
    assert sessions_of(site) == [(0.0, 3600.0, "f", "ann", "pc1", 1)]
    assert events_of(site, "kind") == [("start",), ("out",), ("reread",), ("in",)]


@pytest.mark.parametrize("listed", [0, 1, 2])
def test_a_stop_ends_all_though_few_checkins_are_told(tmp_path: Path, listed: int):
    """The checkins come after the daemon said that it stops; then the file ends."""
    stop = BEGIN + timedelta(hours=1)
    outs = [said(BEGIN, f'OUT: "f" user{k}@pc1') for k in range(3)]
    stops = [said(stop, "Shutting down vendord pid=7 because of signal 15", "lmgrd")]
    ins = [said(stop + timedelta(seconds=1), f'IN: "f" user{k}@pc1  (SHUTDOWN)') for k in range(listed)]
    site = site_of(tmp_path, [*HEAD, *outs, *stops, *ins, said(stop, "EXITING DUE TO SIGNAL 15", "lmgrd")])
    assert [row["end_s"] for row in site.sessions.to_pylist()] == [3601.0] * listed + [3600.0] * (3 - listed)
    assert set(site.sessions["ended"].to_pylist()) == {"shutdown"}
