"""The tables of a sweep: whole on any screen, whatever the names; and files that others read."""

import csv
import json
import math
import re

import pytest
import tomli_w
from meterstorm.experiments.cli import console
from meterstorm.experiments.metrics.intervals import estimate
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.reports import sweep as report
from meterstorm.experiments.runs.table import COUNTS
from meterstorm.experiments.sweeps import results
from pyarrow import parquet

from support.command_line import invoke, refused
from support.layers import layered
from support.sweeps import SMALL, plan_of, played, run_in

HOSTILE = ["[bold]red[/bold]", "a|b", 'say "no"', "back\\slash|pipe", "*_`<b>`_*", ":smile:", "日本" * 30, "=1+1"]
LAYER = {"run": {"duration_s": 500.0}, "arms": [{"name": name, "set": {}} for name in HOSTILE]}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def sweep(layer, *axes, options=()):
    with open("sweep.toml", "wb") as file:
        tomli_w.dump(layered(SMALL, layer), file)
    words = [word for axis in axes for word in ("--vary", axis)]
    result = invoke("sweep", "sweep.toml", *words, "--workers", 0, "--out", "out", "--force", *options)
    assert result.exit_code == 0, result.stderr
    return result


def cells(line):
    """The cells of a row of Markdown, as GitHub splits and shows them."""
    parts = re.findall(r"((?:\\.|[^|\\])*)\|", line[1:])
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", part.strip()) for part in parts]


def test_no_name_is_cut_off_and_no_table_is_wider_than_the_screen_unless_a_name_is(here):
    shown = sweep(LAYER, "clients.count=10,20", options=["--metric", "grants", "--metric", "wait_s_p95"]).stdout
    for name in [*HOSTILE, "clients.count", "grants", "wait_s_p95"]:
        assert name in shown, name
    assert "…" not in shown and "smile:" in shown
    names = [name for name in HOSTILE if not name.startswith("日")]
    sweep({"arms": [{"name": name} for name in names]}, "clients.count=10,20")
    again = invoke("results", "out").stdout
    assert max(map(len, again.splitlines())) <= 80
    assert again.count("┏━━━━━━━┳") > 1  # several tables, since they do not fit beside each other


def test_markdown_and_csv_have_every_row_as_it_is(here):
    axes = "clients.count=10,20", f'arms."{HOSTILE[1]}".servers.service_ms=1:9:2'
    sweep(LAYER, *axes, options=["--csv", "rows.csv", "--md", "rows.markdown", "--metric", "grants"])
    head, line, *rows = (here / "rows.markdown").read_text().splitlines()
    assert cells(head) == ["point", "clients.count", "servers.service_ms", "arm", "n", "grants"]
    assert set(cells(line)) == {"---"}
    found = [cells(row) for row in rows]
    assert [(row[0], row[3]) for row in found] == [(str(point), name) for point in range(4) for name in HOSTILE]
    with open("rows.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["arm"] for row in table] == [name for _ in range(4) for name in HOSTILE for _ in range(2)]
    for k, row in enumerate(found):
        pair = [float(each["grants"]) for each in table[2 * k : 2 * k + 2]]
        mean, half = map(float, row[5].replace(",", "").split(" ± "))
        assert mean == pytest.approx(estimate(pair).mean, rel=1e-3)
        assert half == pytest.approx(estimate(pair).half_width, rel=0.06)
    assert (
        invoke("results", "out", "--csv", "again.csv", "--md", "again.markdown", "--metric", "grants").exit_code
        == 0
    )
    assert (here / "again.markdown").read_text() == (here / "rows.markdown").read_text()


def test_a_line_break_in_a_name_ends_no_row(tmp_path):
    made = plan_of({"clients.count": [1]}, {"arms": [{"name": "two\nlines"}]}, {"run": {"duration_s": 100.0}})
    run_in(tmp_path, made)
    text = report.to_markdown(made, results.collect(made, tmp_path), ["grants"])
    assert text.count("\n") == 3 and "two lines" in text


def test_two_keys_that_end_alike_are_told_apart(tmp_path):
    made = plan_of({"arms.a.clients.count": [1], "arms.b.clients.count": [2], "servers.count": [4]},
                   {"arms": [{"name": "a"}, {"name": "b"}]})  # fmt: skip
    heads = [column.head for column in report.columns(made, [], ())]
    assert heads[1:4] == ["arms.a.clients.count", "arms.b.clients.count", "servers.count"]


def test_many_points_are_told_and_not_shown(here):
    shown = sweep({"run": {"duration_s": 100.0}}, "clients.count=1:30:30").stdout
    assert "10 more rows: --csv and --md write all" in shown


def test_numbers_are_means_over_the_worlds_that_did_not_fail(tmp_path):
    layer = played(tmp_path, raises=1)
    made = plan_of({"policies.balancing.scene": [0, 1, 2]}, layer)
    run_in(tmp_path, made)
    found = report.groups(made, results.collect(made, tmp_path), ["grants"])
    assert [(group.point, len(group.values)) for group in found] == [(0, 2), (2, 2)]


# What others read


def kinds_in(path):
    import pandas

    return pandas.read_parquet(path)


def test_pandas_reads_the_right_types(here):
    layer = {"arms": [{"name": "a"}, {"name": "b"}], "faults": []}
    axes = [
        "clients.count=10,20", "network.loss=0,0.25", "servers.durable=true", 'servers.split="even",[1,2,3,4]',
        "policies.failover.name=never,full-jitter", "policies.failover.base_s=1,2",
    ]  # fmt: skip
    sweep(layer, *axes, options=["--replications", "1"])
    frame = kinds_in("out/metrics.parquet")
    kinds = {name: frame[name].dtype.kind for name in frame.columns}
    # With a null among them pandas has floats.
    assert kinds["clients.count"] == "i" and kinds["network.loss"] == "f" and kinds["servers.durable"] == "b"
    assert kinds["point"] == kinds["replication"] == kinds["seed"] == kinds["events"] == "i"
    assert kinds["policies.failover.base_s"] == "f" and kinds["arm"] == kinds["digest"] == "O"
    assert set(map(json.dumps, frame["servers.split"])) == {'"even"', '"[1, 2, 3, 4]"'}
    by_policy = frame.groupby("policies.failover.name")["policies.failover.base_s"]
    assert by_policy.count().to_dict() == {"never": 0, "full-jitter": 32}
    assert len(frame) == 2 * 2 * 2 * 3 * 2
    table = parquet.read_schema("out/metrics.parquet")
    for name in METRICS:
        assert str(table.field(name).type) == ("int64" if name in COUNTS else "double"), name
    # As in the summary of a run: null does not apply, infinity is a number.
    assert frame["time_to_recover_s"].isna().all() and math.isfinite(frame["grants"].sum())
    assert len(kinds_in("out/costs.parquet")) == len(frame)


def test_the_file_says_what_it_is(here):
    sweep({}, "clients.count=10,20", options=["--replications", "1"])
    facts = parquet.read_schema("out/metrics.parquet").metadata
    assert json.loads(facts[b"meterstorm.axes"]) == [{"key": "clients.count", "values": [10, 20]}]
    assert json.loads(facts[b"meterstorm.design"]) == {"kind": "grid", "n": 0}
    for name, of_axes in (("metrics", {"clients.count"}), ("costs", set())):
        schema = parquet.read_schema(f"out/{name}.parquet")
        assert set(schema.names) - json.loads(schema.metadata[b"meterstorm.columns"]).keys() == of_axes
    assert facts[b"meterstorm.title"] == b"small"


# meterstorm results


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nothing", "no such file"), ("run", "not the folder of a sweep"), ("broken", "metrics.parquet")],
)
def test_what_is_not_a_sweep(folder, words, here):
    sweep({"run": {"duration_s": 100.0}}, "clients.count=1")
    if folder == "run":
        assert invoke("run", "sweep.toml", "--workers", 0, "--out", "run").exit_code == 0
    if folder == "broken":
        (here / "out").rename(here / "broken")
        (here / "broken" / "metrics.parquet").write_bytes(b"PAR1")
    refused(invoke("results", folder), console.WRONG_INPUT, [words])


def test_a_file_that_cannot_be_written_is_named(here):
    sweep({"run": {"duration_s": 100.0}}, "clients.count=1")
    for option in ("--csv", "--md"):
        result = invoke("results", "out", option, "no/such/file")
        assert result.exit_code == console.WRONG_INPUT
        assert result.stderr == "meterstorm: no/such/file: cannot be written: No such file or directory\n"
