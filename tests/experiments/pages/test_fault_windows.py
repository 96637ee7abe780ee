"""When faults hold: as planned, and as the file says that they came."""

import shutil

import pandas as pd
import pytest
from meterstorm.experiments.pages import folders, report, windows
from meterstorm.experiments.scenario import validate

from support.layers import layered
from support.pages import FAULT, HOSTILE, SETTING, written

DRAWN = {"kind": "unreachable", "servers": "all", "start_s": 300.0, "mtbf_s": 300.0, "mttr_s": 60.0}


def test_windows_repeat_and_end_with_the_run():
    fault = FAULT | {"start_s": 1000.0, "repeat_s": 400.0, "repeats": 5, "duration_s": 200.0}
    found = list(windows.windows(validate(layered(SETTING, {"faults": [fault]}))))
    assert [(window.begin, window.end) for window in found] == [(1000, 1200), (1400, 1500)]
    assert {window.name for window in found} == {"server 0 unreachable"}


@pytest.mark.parametrize(
    ("times", "window"),
    [
        ({"stagger_s": 50.0, "servers": "all"}, (300, 650, "all servers unreachable")),
        ({"mtbf_s": 200.0}, (300, 1500, "server 0 unreachable, at drawn times")),
        ({"mttr_s": 120.0}, (300, 420, "server 0 unreachable, on average")),
        ({"kind": "stall"}, (300, 600, "server 0 stalled")),
    ],
)
def test_windows_of_faults_that_are_staggered_or_drawn(times, window):
    fault = {key: value for key, value in FAULT.items() if key != "duration_s" or "mttr_s" not in times}
    scenario = validate(layered(SETTING, {"faults": [fault | times], "cases": []}))
    assert list(windows.windows(scenario)) == [window]


@pytest.mark.parametrize(
    ("more", "window"),
    [
        ({"clients": [0, 9], "stagger_s": 5.0}, (300, 405, "clients 0 to 9 down")),
        ({"clients": [7, 7]}, (300, 360, "client 7 down")),
        ({"clients": {"fraction": 0.5}}, (300, 360, "50 % of the clients down")),
        ({"mtbf_s": 200.0}, (300, 1500, "all clients down, at drawn times")),
    ],
)
def test_windows_of_clients_that_crash(more, window):
    fault = {"kind": "client-crash", "start_s": 300.0, "duration_s": 60.0}
    scenario = validate(layered(SETTING, {"faults": [fault | more], "cases": []}))
    assert list(windows.windows(scenario)) == [window]


def test_clients_that_crash_at_drawn_times_are_one_window_and_are_at_no_server(tmp_path):
    fault = {"kind": "client-crash", "start_s": 300.0, "mtbf_s": 300.0, "mttr_s": 60.0}
    folder = written(tmp_path / "run", layered(SETTING, {"faults": [fault]}))
    rows = pd.read_parquet(folder / windows.FILE)
    (row,) = rows[
        (rows["case"] == "as is") & (rows["arm"] == HOSTILE[0]) & (rows["replication"] == 0)
    ].itertuples()
    assert pd.isna(row.server) and row.start_s > 300.0
    assert shaded(folder).windows == [(row.start_s, min(row.end_s, 1500.0), "all clients down")]
    assert windows.Faults(folders.book([folder]).runs[0]).servers() == set()


@pytest.fixture(scope="module")
def drawn_folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("drawn") / "run", layered(SETTING, {"faults": [DRAWN]}))


def came(folder, case="as is", replication=0):
    table = pd.read_parquet(folder / windows.FILE)
    rows = table[(table["case"] == case) & (table["arm"] == HOSTILE[0]) & (table["replication"] == replication)]
    return sorted((int(row.server), row.start_s, min(row.end_s, 1500.0)) for row in rows.itertuples())


def shaded(folder):
    return windows.Faults(folders.book([folder]).runs[0]).shading("as is", HOSTILE[0])


def test_drawn_faults_are_shaded_as_they_came_in_the_first_replication(drawn_folder):
    assert came(drawn_folder) != came(drawn_folder, replication=1)
    found = shaded(drawn_folder)
    assert found.is_drawn
    times = sorted((begin, end) for _, begin, end in came(drawn_folder))
    assert sorted(found.windows) == [(begin, end, "unreachable") for begin, end in times]


def test_a_caption_says_whose_times_are_shaded(drawn_folder, run_folder):
    for folder, is_said in ((drawn_folder, True), (run_folder, False)):
        figures = {figure.name: figure for figure in report.report([folder]).figures()}
        assert ("the first replication" in figures["as is attempts"].caption) is is_said


def test_too_many_drawn_faults_are_shaded_as_planned(drawn_folder, monkeypatch):
    monkeypatch.setattr(windows, "DRAWN_MAX", len(came(drawn_folder)) - 1)
    (window,) = shaded(drawn_folder).windows
    assert window == (300, 1500, "all servers unreachable, at drawn times")
    assert not shaded(drawn_folder).is_drawn


def test_without_the_file_faults_are_shaded_as_planned(drawn_folder, tmp_path):
    folder = shutil.copytree(drawn_folder, tmp_path / "old")
    (folder / windows.FILE).unlink()
    assert shaded(folder) == ([(300, 1500, "all servers unreachable, at drawn times")], False)


def test_servers_at_which_a_fault_holds_at_once_are_one_window(tmp_path):
    fault = DRAWN | {"drawn_by": "all"}
    folder = written(tmp_path / "run", layered(SETTING, {"faults": [fault]}))
    found = shaded(folder)
    assert found.is_drawn and len(found.windows) == len(came(folder)) / 2
