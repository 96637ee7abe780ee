"""Groups of clients in a report: a table beside all clients, and names that are no markup."""

from types import SimpleNamespace

from meterstorm.experiments.drawing.figure import Key
from meterstorm.experiments.metrics.names import METRICS_OF_GROUPS
from meterstorm.experiments.pages import quantities, verdict
from meterstorm.experiments.pages.beside import group_table, symptoms
from meterstorm.experiments.pages.folders import Arm, Book


def entry(case: str | None, arm: str | None, groups: list[str]) -> dict:
    def metrics(value: float) -> dict:
        return {name: {"mean": value, "ci95": None} for name in METRICS_OF_GROUPS}

    found = [{"name": name, "clients": 10 + n, "metrics": metrics(n)} for n, name in enumerate(groups)]
    return {"case": case, "name": arm, "metrics": metrics(7.0), "groups": found}


def book(*entries: dict) -> Book:
    found = {(one["case"], one["name"]): one for one in entries}
    run = SimpleNamespace(summary={"arms": entries}, entry=lambda case, arm: found.get((case, arm)))
    return Book([run], [Arm(run, one["name"], Key(one["name"] or "x", 0)) for one in entries])


def test_groups_stand_beside_all_clients():
    table = group_table(book(entry(None, None, ["rest", "up"])), None)
    assert table.heads == ["metric", "all clients", "rest (10)", "up (11)"]
    assert table.rows[0] == [METRICS_OF_GROUPS[0], "7", "0", "1"]
    assert [row[0] for row in table.rows] == list(METRICS_OF_GROUPS)


def test_arms_are_told_apart_and_those_without_groups_left_out():
    found = group_table(book(entry("c", "a", ["rest"]), entry("c", "b", []), entry("c", "d", ["up"])), "c")
    assert found.heads == ["metric", "a: all clients", "a: rest (10)", "d: all clients", "d: up (10)"]
    assert group_table(book(entry("c", "a", [])), "c") is None


def test_a_metric_of_a_group_is_said_in_words_and_its_name_is_no_markup():
    name = "groups.<b>.denial_fraction"
    assert quantities.value(name, 0.25) == "25 %" and quantities.spoken(name) == "denial fraction of “<b>”"
    one = {"name": None, "metric": name, "on": "mean", "op": "<", "value": 1.0, "passed": True}
    (line,) = verdict.expectations(SimpleNamespace(summary={"expectations": [one]}))
    assert "<b>" not in line and "&lt;b&gt;" in line


def test_a_symptom_may_be_of_a_group():
    times = {"mean": 0.25, "ci95": 0.01}
    arm = {"arm": "a", **times, "in_baseline": times, "excess": times, "shown": True}
    one = {"symptom": "s", "case": "c", "baseline": "d", "metric": "groups.up.denial_fraction", "arms": [arm]}
    run = SimpleNamespace(summary={"symptoms": [one]})
    (figure,) = symptoms(Book([run], [Arm(run, "a", Key("a", 0))]))
    assert "of the clients of “up”: by how much “c” exceeds “d”" in figure.caption
    assert figure.table.rows[0][1] == "25.0 ± 1.0 %"
