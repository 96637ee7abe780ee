"""What is drawn server by server, counted once more from the files."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from meterstorm.experiments.pages import by_server, folders, report, samples, windows
from meterstorm.experiments.pages.by_server import QUANTITIES
from meterstorm.experiments.pages.samples import SERVERS_FILE, ServerSamples
from pyarrow import parquet
from scipy import stats

from support.layers import layered
from support.pages import written

NAMES = ["at once", "patient"]
SETTING = {
    "title": "Three servers restart, one after the other",
    "run": {"duration_s": 1510.0, "warmup_s": 300.0, "replications": 3, "sample_s": 20.0},
    "clients": {"count": 30},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 120.0},
    "servers": {"count": 3},
    "products": [{"name": "editor", "licenses": 30}],
    "faults": [
        {"kind": "crash", "servers": "all", "start_s": 300.0, "duration_s": 200.0, "stagger_s": 300.0}
    ],
    "arms": [
        {"name": NAMES[0], "set": {"policies.failover": {"name": "immediate"}}},
        {"name": NAMES[1], "set": {"servers.count": 4}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("by-server") / "run", SETTING)


@pytest.fixture(scope="module")
def groups(folder):
    return by_title(folder)


def by_title(folder):
    (chapter,) = [one for one in report.report([folder]).chapters if one.mark == "time"]
    return {group.heading: group for group in chapter.groups if group.heading}


def words(folder):
    (chapter,) = [one for one in report.report([folder]).chapters if one.mark == "time"]
    return chapter.html


def counted_again(folder, arm, server, column):
    """Samples by replications, by pandas; the warm-up's first."""
    table = pd.read_parquet(folder / SERVERS_FILE)
    rows = table[(table["arm"] == arm) & (table["server"] == server)]
    return rows.pivot_table(index="start_s", columns="replication", values=column)


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.column)
@pytest.mark.parametrize("shown", [range(4), [1, 3]])
def test_a_curve_is_the_mean_at_a_server_with_its_interval(folder, quantity, shown):
    read = ServerSamples(folders.book([folder]).runs[0], list(shown), [quantity.column])
    for arm, count in zip(NAMES, (3, 4), strict=True):
        curves = read.curves(None, arm, quantity.column)
        assert list(curves) == [server for server in shown if server < count]
        for server, curve in curves.items():
            again = counted_again(folder, arm, server, quantity.column)
            assert list(curve.x) == [0.0, *np.arange(20.0, 1501.0, 20.0), 1510.0]
            assert curve.y == pytest.approx(again.mean(axis=1).to_numpy())
            half = again.sem(axis=1).to_numpy() * stats.t.ppf(0.975, 2)
            assert curve.high - curve.y == pytest.approx(half, abs=1e-9)


def test_figures_of_a_quantity_have_one_scale(groups):
    """The script's data of a figure are its scales: the heights from 5 to 9."""
    for group in groups.values():
        scales = [re.search(r'data-s="([^"]*)"', figure.svg)[1].split()[5:] for figure in group.figures]
        assert len(scales) >= 3
        assert len(set(map(tuple, scales))) == 1
        assert float(scales[0][1]) >= max(highest(figure) for figure in group.figures)


def highest(figure):
    cells = [cell for row in figure.table.rows for cell in row[1:] if cell != "-"]
    return max(float(word) for cell in cells for word in re.findall(r"[\d.]+", cell))


def test_only_the_faults_of_a_server_are_shaded_at_it(folder, groups):
    found = windows.Faults(folders.book([folder]).runs[0])
    assert found.servers() == {0, 1, 2, 3}
    for server in range(3):
        begin = 300.0 + 300.0 * server
        assert found.at_server(None, NAMES[0], server) == ([(begin, begin + 200, "crash")], False)
        (group,) = [one for one in groups.values() if one.heading.startswith("Clients")]
        (across,) = re.findall(r'class="window" x="([\d.]+)"', group.figures[server].svg)
        low, high, start, end = map(float, re.search(r'data-s="([^"]*)"', group.figures[0].svg)[1].split()[:4])
        assert float(across) == pytest.approx(start + (begin - low) / (high - low) * (end - start), abs=0.1)


def test_every_arm_has_a_line_at_each_server_that_it_has(groups):
    for group in groups.values():
        heads = [figure.table.heads[1:] for figure in group.figures]
        assert heads == [NAMES, NAMES, NAMES, NAMES[1:]]


def test_words_say_where_there_is_most_at_the_end(folder, groups):
    for arm, count in zip(NAMES, (3, 4), strict=True):
        ends = [counted_again(folder, arm, server, "leases").mean(axis=1) for server in range(count)]
        before = " / ".join(f"{end[260.0]:.3g}" for end in ends)  # the last sample that ends before 300 s
        after = " / ".join(f"{end.iloc[-1]:.3g}" for end in ends)
        most = int(np.argmax([end.iloc[-1] for end in ends]))
        assert f"“{arm}” {before} → {after}, most at server {most}" in groups["Leases by server"].words


def test_what_is_nothing_or_alike_at_all_servers_is_said_and_not_drawn(folder, tmp_path):
    changed = shutil.copytree(folder, tmp_path / "changed")
    table = parquet.read_table(changed / SERVERS_FILE)
    for column, value in {"clients": 7, "queue": 0}.items():
        filled = np.full(table.num_rows, value)
        table = table.set_column(table.column_names.index(column), column, [filled])
    parquet.write_table(table, changed / SERVERS_FILE)
    assert list(by_title(changed)) == ["Leases by server"]
    assert re.search("since they are 0 throughout: [^.]*queue by server", words(changed))
    assert "since they are alike at all servers throughout: clients." in words(changed)


def test_of_many_servers_those_with_faults_are_drawn_and_the_words_say_so(tmp_path):
    fault = {"kind": "crash", "servers": [10], "start_s": 300.0, "duration_s": 200.0}
    setting = layered(SETTING, {"servers": {"count": 12}, "arms": [], "faults": [fault]})
    many = written(tmp_path / "run", setting)
    group = by_title(many)["Leases by server"]
    shown = [0, 1, 2, 3, 4, 5, 6, 10]
    assert [figure.title for figure in group.figures] == [f"Leases of server {server}" for server in shown]
    assert len(shown) == by_server.SERVERS_MAX
    assert "8 of 12 are drawn, those with faults first: 0, 1, 2, 3, 4, 5, 6, 10." in words(many)


def test_a_single_server_is_not_drawn_by_itself(tmp_path):
    one = written(tmp_path / "run", layered(SETTING, {"servers": {"count": 1}, "arms": []}))
    assert by_title(one) == {}
    assert "by server" not in words(one)


def test_an_old_folder_has_its_report_without_servers(folder, tmp_path):
    old = shutil.copytree(folder, tmp_path / "old")
    for file in (samples.SERVERS_FILE, windows.FILE):
        (old / file).unlink()
    assert by_title(old) == {}
    drawn = {figure.name for figure in report.report([folder]).figures()}
    assert {figure.name for figure in report.report([old]).figures()} == {
        name for name in drawn if " of server " not in name
    }


def test_an_old_folder_beside_a_new_one_leaves_its_arms_out(folder, tmp_path):
    old = shutil.copytree(folder, tmp_path / "old")
    (old / SERVERS_FILE).unlink()
    (chapter,) = [one for one in report.report([folder, old]).chapters if one.mark == "time"]
    heads = [figure.table.heads[1:] for group in chapter.groups if group.heading for figure in group.figures]
    assert [f"run: {name}" for name in NAMES] in heads
    assert not any("old" in head for found in heads for head in found)


def test_a_file_that_cannot_be_read_is_named(folder, tmp_path):
    broken = shutil.copytree(folder, tmp_path / "broken")
    (run,) = folders.book([broken]).runs
    (broken / SERVERS_FILE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=SERVERS_FILE):
        ServerSamples(run, [0, 1], ["clients"])
