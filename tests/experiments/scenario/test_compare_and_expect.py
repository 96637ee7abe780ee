"""[compare] and [[expect]] as a file has them: what is refused, and what is left out with arms that are."""

import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError  # Ray brings it
from meterstorm.experiments.metrics.names import METRICS
from meterstorm.experiments.scenario import ScenarioError, load, to_toml, validate, versions
from meterstorm.experiments.scenario.json_schema import json_schema

from support.scenario_file import errors

ARMS: dict[str, Any] = {"arms": [{"name": "at once"}, {"name": "later"}, {"name": "never"}]}
CASES: dict[str, Any] = {
    "cases": [
        {"name": "calm"},
        {"name": "storm"},
        {"name": "ill", "symptom": "s", "metric": "denials", "baseline": "calm"},
    ]
}
ALL_METRICS = "a metric of the summary: " + ", ".join(METRICS)


def expect(**keys: Any) -> dict[str, Any]:
    return {"expect": [{"metric": "denials", "op": "<", "value": 1, **keys}]}


REFUSED = [
    (
        ARMS | {"compare": {"baseline": "at onec"}},
        'compare.baseline: "at onec" is not allowed; it must be the name of an arm: '
        '"at once", "later", "never" (did you mean "at once"?)',
    ),
    (
        CASES | {"compare": {"baseline": "ill"}},
        'compare.baseline: "ill" is not allowed; it must be the name of a case without a symptom, '
        'as there are no arms: "calm", "storm"',
    ),
    (
        {"compare": {"baseline": "x"}},
        'compare.baseline: "x" is not allowed; it must be the name of a case without a symptom, '
        "as there are no arms: there is none",
    ),
    (
        {"compare": {"metrics": ["denials", "denial_fracton"]}},
        'compare.metrics[1]: "denial_fracton" is not allowed; '
        'it must be a metric of the summary (did you mean "denial_fraction"?)',
    ),
    (
        {"compare": {"metrics": ["denials", "grants", "denials"]}},
        'compare.metrics[2]: "denials" is not allowed; it must be a metric that is not in the list yet',
    ),
    (
        {"compare": {"metrics": "denials"}},
        'compare.metrics: "denials" is not allowed; it must be "auto" or a list of metrics',
    ),
    *(
        (
            {"compare": {"confidence": wrong}},
            f"compare.confidence: {wrong} is not allowed; it must be a number > 0 and < 1",
        )
        for wrong in (0, 1, 95, -0.5)
    ),
    (
        {"compare": {"confidense": 0.9}},
        'compare.confidense: unknown key; allowed: baseline, confidence, metrics (did you mean "confidence"?)',
    ),
    ({"expect": {}}, "expect: {} is not allowed; it must be a list of tables, [[expect]]"),
    (
        {"expect": [{"op": "<", "value": 1}]},
        'expect[0].metric: missing; it must be a string that is not empty, for example "abnormal_denial_fraction"',
    ),
    (
        {"expect": [{"metric": "denials", "value": 1}]},
        'expect[0].op: missing; it must be "<", "<=", ">", ">=", "==" or "!=", for example "<"',
    ),
    (
        {"expect": [{"metric": "denials", "op": "<"}]},
        "expect[0].value: missing; it must be a number from -1e9 to 1e9, for example 0.05",
    ),
    (expect(metric="?"), f'expect[0].metric: "?" is not allowed; it must be {ALL_METRICS}'),
    (
        expect(metric="messages_per_s"),
        'expect[0].metric: "messages_per_s" is not allowed; it must be a metric of the virtual clock, '
        'since run.clock = "virtual"; this one is of the wall clock only',
    ),
    (
        expect(op="=<"),
        'expect[0].op: "=<" is not allowed; it must be "<", "<=", ">", ">=", "==" or "!="',
    ),
    (
        expect(on="median"),
        'expect[0].on: "median" is not allowed; it must be "mean", "interval" or "difference"',
    ),
    (expect(value="few"), 'expect[0].value: "few" is not allowed; it must be a number from -1e9 to 1e9'),
    (expect(value=float("inf")), "expect[0].value: inf is not allowed; it must be a number from -1e9 to 1e9"),
    (expect(value=float("nan")), "expect[0].value: nan is not allowed; it must be a number from -1e9 to 1e9"),
    (expect(value=-2e9), "expect[0].value: -2000000000.0 is not allowed; it must be a number from -1e9 to 1e9"),
    (
        ARMS | expect(arm="latter"),
        'expect[0].arm: "latter" is not allowed; it must be the name of an arm: "at once", "later", "never" '
        '(did you mean "later"?)',
    ),
    (expect(arm="a"), 'expect[0].arm: "a" is not allowed; it must be the name of an arm: there is none'),
    (
        CASES | expect(case="q"),
        'expect[0].case: "q" is not allowed; it must be the name of a case: "calm", "storm", "ill"',
    ),
    (
        ARMS | expect(on="difference", arm="at once"),
        'expect[0].arm: "at once" is not allowed; it must be the name of one that is compared with "at once": '
        '"later", "never"',
    ),
    (
        ARMS | {"compare": {"baseline": "never"}} | expect(on="difference", arm="never"),
        'expect[0].arm: "never" is not allowed; it must be the name of one that is compared with "never": '
        '"at once", "later"',
    ),
    (
        ARMS | expect(on="difference", arm="x"),
        'expect[0].arm: "x" is not allowed; it must be the name of an arm: "at once", "later", "never"',
    ),
    (
        CASES | expect(on="difference", case="ill"),
        'expect[0].case: "ill" is not allowed; it must be the name of one that is compared with "calm": "storm"',
    ),
    *(
        (
            raw | expect(on="difference"),
            'expect[0].on: "difference" is not allowed; it must be "mean" or "interval", as there are neither '
            "two arms to compare nor, without arms, two cases",
        )
        for raw in ({}, {"arms": ARMS["arms"][:1]}, {"cases": CASES["cases"][::2]})
    ),
    *(
        (
            ARMS | expect(on=on, op="=="),
            'expect[0].op: "==" is not allowed; it must be "<", "<=", ">", ">=" or "!=" '
            f'with on = "{on}": an interval is no single number',
        )
        for on in ("interval", "difference")
    ),
    (
        {"expect": [expect(name="n")["expect"][0]] * 2},
        'expect[1].name: "n" is not allowed; it must be a name that no other of the list has',
    ),
]


@pytest.mark.parametrize(("raw", "line"), REFUSED, ids=[line for _, line in REFUSED])
def test_a_wrong_one_is_refused_in_one_line(raw, line):
    assert errors(raw) == [line]


@pytest.mark.parametrize("table", ["cases", "arms"])
@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("compare.confidence", 0.9, "compare"),
        ("compare", {"confidence": 0.9}, "compare"),
        ("expect", [], "expect"),
        ("expect[0].value", 1, "expect"),
    ],
)
def test_versions_may_not_change_it(table, key, value, name):
    (line,) = errors({table: [{"name": "a", "set": {key: value}}]} | expect())
    assert line.startswith(f"{table}[0].set: {name}")
    assert line.endswith(f"cases and arms may not change it: {name} is about all of them")


WHOLE = (
    ARMS
    | CASES
    | {"compare": {"baseline": "later", "metrics": ["denials"], "confidence": 0.9}}
    | {
        "expect": [
            {"name": "n", "metric": "grants", "op": ">", "value": 1, "arm": "never", "case": "calm"},
            {"metric": "denials", "op": "!=", "value": 0, "on": "difference"},
        ]
    }
)


def test_it_comes_back_from_toml_and_is_no_part_of_a_version():
    scenario = validate({"title": "x", **WHOLE})
    assert (scenario.compare.baseline, scenario.compare.metrics, scenario.compare.confidence) == (
        "later",
        ("denials",),
        0.9,
    )
    assert [(one.name, one.arm, one.case, one.on, one.value) for one in scenario.expect] == [
        ("n", "never", "calm", "mean", 1.0),
        (None, None, None, "difference", 0.0),
    ]
    assert validate(tomllib.loads(to_toml(scenario))) == scenario
    plain = versions(validate({"title": "x", **ARMS, **CASES}))
    assert versions(scenario) == plain


def test_without_them_a_file_has_the_defaults():
    scenario = validate({"title": "x"})
    assert (scenario.compare.baseline, scenario.compare.metrics, scenario.compare.confidence) == (
        None,
        "auto",
        0.95,
    )
    assert scenario.expect == ()


FILE = to_toml(validate({"title": "x", **WHOLE}))


def loaded(tmp_path: Any, *arguments: Any) -> Any:
    (tmp_path / "x.toml").write_text(FILE)
    return load(tmp_path / "x.toml", *arguments)


def expected(scenario: Any) -> list[str]:
    return [one.metric for one in scenario.expect]


def test_what_is_expected_of_an_arm_goes_with_it(tmp_path):
    assert expected(loaded(tmp_path, {}, ["later", "at once"])) == ["denials"]
    assert expected(loaded(tmp_path, {}, ["later", "never"])) == ["grants", "denials"]


def test_where_no_two_arms_are_left_their_differences_and_their_baseline_go_too(tmp_path):
    alone = loaded(tmp_path, {}, ["never"])
    assert (expected(alone), alone.compare.baseline, alone.compare.confidence) == (["grants"], None, 0.9)
    none = loaded(tmp_path, {}, [])
    assert (expected(none), none.compare.baseline) == ([], None)


def test_a_baseline_that_is_not_kept_beside_two_that_are_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match=r'compare\.baseline: "later" is not allowed; .*"at once", "never"'):
        loaded(tmp_path, {}, ["never", "at once"])
    kept = loaded(tmp_path, {"compare.baseline": "never"}, ["never", "at once"])
    assert kept.compare.baseline == "never"


def test_a_baseline_that_is_given_is_never_left_out_in_silence(tmp_path):
    for given in ({"compare.baseline": "at once"}, {"compare": {"baseline": "at once"}}):
        with pytest.raises(ScenarioError, match=r'compare\.baseline: "at once" is not allowed'):
            loaded(tmp_path, given, ["never"])


def test_overrides_reach_it(tmp_path):
    changed = loaded(tmp_path, {"expect[0].value": 7, "compare": {"metrics": "auto"}})
    assert (changed.expect[0].value, changed.compare.metrics, changed.compare.baseline) == (7, "auto", "later")


@pytest.mark.parametrize(("metric", "is_right"), [("denials", True), ("denails", False)])
def test_editors_know_the_metrics(metric, is_right):
    validator = Draft202012Validator(json_schema())
    for raw in (expect(metric=metric), {"compare": {"metrics": [metric]}}):
        if is_right:
            validator.validate({"title": "x", **raw})
        else:
            with pytest.raises(ValidationError):
                validator.validate({"title": "x", **raw})
