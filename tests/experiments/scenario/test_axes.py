"""The axes of a sweep: what may be written, what comes of it, and what is refused in one line."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from meterstorm.experiments.scenario import ScenarioError, load, validate
from meterstorm.experiments.scenario.axes import DESIGNS, DRAWN, GRAMMAR, Axis, axes, parse_axis, takes_integers
from meterstorm.experiments.scenario.wording import show

from support.lab import keys_of


def sweep_of(vary, **design):
    return validate({"title": "t", "sweep": {"vary": vary, **design}}).sweep


def axis_of(key, takes, **design):
    (axis,) = axes(sweep_of({key: takes}, **design))
    return axis


def refused(vary, **design):
    """All that is wrong with a sweep."""
    try:
        sweep_of(vary, **design)
    except ScenarioError as error:
        return error.errors
    return []


# What is written on the command line


@pytest.mark.parametrize(
    ("text", "key", "takes"),
    [
        ("clients.count=100,200", "clients.count", [100, 200]),
        ("clients.count=100", "clients.count", [100]),
        (" clients.count = 1:5:3 ", "clients.count", "1:5:3"),
        ("network.loss=0.1:0.5", "network.loss", "0.1:0.5"),
        ("network.loss=1e-3:.5:log 4", "network.loss", "1e-3:.5:log 4"),
        ("network.loss=1e-3:.5:log", "network.loss", "1e-3:.5:log"),
        ("clients.offline=allow,deny", "clients.offline", ["allow", "deny"]),
        ('clients.offline="allow","deny"', "clients.offline", ["allow", "deny"]),
        ('servers.split=[1,2,3,4],"even"', "servers.split", [[1, 2, 3, 4], "even"]),
        ("servers.durable=true,false", "servers.durable", [True, False]),
        ("policies.failover.retries=1,inf", "policies.failover.retries", [1, math.inf]),
        ('policies.failover={name="never"},{name="immediate"}', "policies.failover", [
            {"name": "never"}, {"name": "immediate"}]),
        ("clients.offline=1]\nother=[2", "clients.offline", ["1]\nother=[2"]),
        ("clients.count=1:2:3,4", "clients.count", ["1:2:3", 4]),
        ('arms."a=b".clients.count=1,2', 'arms."a=b".clients.count', [1, 2]),
    ],
)  # fmt: skip
def test_an_axis_on_the_command_line(text, key, takes):
    assert parse_axis(text) == (key, takes)


def test_broken_toml_is_no_string_that_nobody_meant():
    with pytest.raises(ScenarioError, match=r"servers.split: \[1 is not a TOML value"):
        parse_axis("servers.split=[1,2,3,4],even")


@pytest.mark.parametrize("text", ["", "=", "clients.count", "clients.count=", "=1,2", "clients.count= "])
def test_what_is_no_axis(text):
    with pytest.raises(ScenarioError, match="not an axis; write KEY=a,b,c or KEY=low:high:n") as caught:
        parse_axis(text)
    assert len(caught.value.errors) == 1


# Values


@given(cents=st.integers(1, 10**6), more=st.integers(1, 10**6), n=st.integers(2, 40), is_log=st.booleans())
@example(cents=160, more=528, n=2, is_log=False)  # 1.6 + (6.88 - 1.6) is not 6.88
@example(cents=579, more=596, n=2, is_log=True)
def test_n_numbers_are_evenly_spaced_or_by_equal_factors_from_end_to_end(cents, more, n, is_log):
    low, high = cents / 100, (cents + more) / 100
    values = axis_of("servers.service_ms", f"{low!r}:{high!r}:{'log ' * is_log}{n}").values
    assert (values[0], values[-1], len(values)) == (low, high, n)  # the ends are what was written, to the bit
    steps = [math.log(b / a) if is_log else b - a for a, b in itertools.pairwise(values)]
    assert steps == pytest.approx([(math.log(high / low) if is_log else high - low) / (n - 1)] * (n - 1), rel=1e-6)


@given(low=st.integers(1, 1000), width=st.integers(1, 1000), n=st.integers(2, 50), is_log=st.booleans())
def test_keys_that_take_integers_get_the_nearest_ones_each_once(low, width, n, is_log):
    text = f"{low}:{low + width}:{'log ' * is_log}{n}"
    whole = axis_of("clients.count", text).values
    real = axis_of("servers.service_ms", text).values
    assert all(type(value) is int for value in whole)
    assert list(whole) == sorted(set(whole)) and (whole[0], whole[-1]) == (low, low + width)
    assert set(whole) == {round(value) for value in real}


def test_which_keys_take_integers():
    """All whose type is one in the schema, also within a list, an arm or a case."""
    whole = {"clients.count", "products[0].licenses", "products.0.licenses", "run.seed", "servers.queue_limit",
             "arms.a.clients.count", 'arms."a.b".clients.count', "arms.v1.2.clients.count",
             "cases.storm.products[0].licenses"}  # fmt: skip
    real = {"run.duration_s", "network.loss", "policies.failover.retries", "clients.counts", "arms.a.run.warmup_s"}
    assert {key for key in whole | real if takes_integers(key)} == whole


@pytest.mark.parametrize("is_log", [False, True])
def test_a_drawn_integer_is_as_likely_as_any_other(is_log):
    """Of the shares u, evenly spaced, each integer has its own: those of half a step around it."""
    axis = axis_of("servers.queue_limit", "1:6:log" if is_log else "1:6", design="random", samples=1)
    n = 60_000
    counts = Counter(axis.at((k + 0.5) / n) for k in range(n))
    edges = [k + 0.5 for k in range(7)]
    scale = [math.log(edge) if is_log else edge for edge in edges]
    expected = {k: n * (scale[k] - scale[k - 1]) / (scale[6] - scale[0]) for k in range(1, 7)}
    assert counts == pytest.approx(expected, abs=2)


@given(st.integers(1, 20), st.integers(0, 10**6 - 1))
def test_each_value_of_a_list_has_as_much_of_the_axis(count, million):
    u = million / 10**6
    assert Axis("k", tuple(range(count))).at(u) == math.floor(u * count)


@pytest.mark.parametrize("design", DRAWN)
def test_ranges_are_for_drawn_designs(design):
    axis = axis_of("network.loss", "0.1:0.5:log", design=design, samples=4)
    assert (axis.values, axis.low, axis.high, axis.is_log) == ((), 0.1, 0.5, True)
    for other in set(DESIGNS) - set(DRAWN):
        assert refused({"network.loss": "0.1:0.5"}, design=other) == [
            f'sweep.vary.network.loss: "0.1:0.5" is not allowed; it must be low:high:n where design = "{other}"; '
            '"sobol", "lhs", "random" or "saltelli" draw points'
        ]


# What is refused


@pytest.mark.parametrize(
    ("key", "takes", "words"),
    [
        ("clients.count", [], GRAMMAR),
        ("clients.count", "", GRAMMAR),
        ("clients.count", "many", GRAMMAR),
        ("clients.count", "1:2:3:4", GRAMMAR),
        ("clients.count", "1:5:-3", GRAMMAR),
        ("clients.count", "1:5:2.5", GRAMMAR),
        ("clients.count", "1:5:lin 3", GRAMMAR),
        ("clients.count", "0x1:5:3", GRAMMAR),
        ("clients.count", "nan:5:3", GRAMMAR),
        ("clients.count", "1:inf:3", GRAMMAR),
        ("clients.count", 5, GRAMMAR),
        ("clients.count", {"low": 1}, GRAMMAR),
        ("clients.count", "5:5:3", "low < high"),
        ("clients.count", "5:1:3", "low < high"),
        ("clients.count", "1:1e999:3", "low < high"),
        ("clients.count", "0:5:log 3", "low < high, and low > 0 where steps are equal factors"),
        ("clients.count", "-5:5:log 3", "low < high, and low > 0 where steps are equal factors"),
        ("clients.count", "1:5:0", "n >= 2, the number of values"),
        ("clients.count", "1:5:1", "n >= 2, the number of values"),
        ("clients.count", "1:5:log 1", "n >= 2, the number of values"),
        ("clients.count", "1.5:3:2", "from an integer to an integer, as the key takes no others"),
        ("arms.a.clients.count", "1:2.5:2", "from an integer to an integer, as the key takes no others"),
    ],
)
def test_what_an_axis_does_not_take(key, takes, words):
    assert refused({key: takes}) == [f"sweep.vary.{key}: {show(takes)} is not allowed; it must be {words}"]


def test_a_value_comes_once():
    """But true is not 1, nor 1 the float."""
    assert refused({"clients.count": [1, 2, 1]}) == [
        "sweep.vary.clients.count: 1 is not allowed; it must be given once"
    ]
    assert len(axis_of("clients.count", [1, True, 1.0, "1", [1]]).values) == 5


@pytest.mark.parametrize("design", DRAWN)
def test_drawn_designs_need_a_number_of_points(design):
    assert refused({}, design=design) == [
        f'sweep.samples: 0 is not allowed; it must be 1 or more with design = "{design}": how many points to draw'
    ]


@pytest.mark.parametrize("design", sorted(set(DESIGNS) - set(DRAWN)))
def test_other_designs_have_none(design):
    (line,) = refused({}, design=design, samples=8)
    assert line.startswith(f'sweep.samples: 8 is not allowed; it must be 0 with design = "{design}"; "sobol"')


def test_a_zip_has_axes_of_one_length():
    (line,) = refused({"clients.count": [1, 2], "servers.count": "1:9:3", "network.loss": [0]}, design="zip")
    assert line == (
        "sweep.design: zip takes values of all axes together, so as many of each; here clients.count has 2, "
        "servers.count has 3, network.loss has 1"
    )


SHARED = [
    "run.replications",
    "run.first_replication",
    "run.shards",
    "run.clock",
    "run.pace",
    "title",
    "description",
    "article",
]
LISTS = ["arms", "cases", "arms[0]", "arms.0.name", "arms[0].set", "cases[1].set", "sweep", "sweep.vary", "run"]


@pytest.mark.parametrize("key", [*SHARED, *LISTS])
def test_keys_that_are_the_same_at_all_points(key):
    (line,) = refused({key: [1, 2]})
    assert line.startswith(f"sweep.vary.{key}: may not be varied; ")


def test_every_other_key_of_the_schema_may_be_varied():
    """It is refused for its values only."""
    for path in sorted(key for key in keys_of() if "=" not in key and not key.startswith(("arms", "cases"))):
        (line,) = refused({path: "none"})[:1]
        assert ("may not be varied" in line) == (path in SHARED or path.startswith("sweep")), path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("products[0].licenses", "products.0.licenses"),
        ("clients", "clients.count"),
        ("clients.count", "clients"),
        ("policies.failover", "policies.failover.base_s"),
        ('arms."a".clients.count', "arms.a.clients.count"),
    ],
)
def test_no_key_is_varied_twice(one, other):
    assert refused({one: [1], other: [2]}) == [
        f"sweep.vary.{other}: varied by {one}, too; a key may be varied once"
    ]
    assert [axis.key for axis in axes(sweep_of({"clients.count": [1], "clients.count_": [1]}))] == [
        "clients.count", "clients.count_"
    ]  # fmt: skip


def test_all_errors_come_at_once():
    vary = {"title": ["x"], "clients.count": "5:1:3", "servers.count": [2, 2], "network.loss": "0.1:0.5"}
    assert len(refused(vary, samples=3)) == 5


def test_files_of_an_axis_are_meant_from_the_folder_of_the_scenario(tmp_path, write):
    keys = ["policies.failover.name", "arms.a.policies.failover.name"]
    axes_ = [f'"{key}" = ["never", "mine.py:Mine"]' for key in keys]
    axes_ += ['"workload.trace" = ["a.csv", "/b.csv"]']
    path = write("\n".join(['title = "t"', "[[arms]]", 'name = "a"', "[sweep.vary]", *axes_]))
    vary = load(path).sweep.vary
    assert [vary[key] for key in keys] == [["never", f"{tmp_path}/mine.py:Mine"]] * 2
    assert vary["workload.trace"] == [f"{tmp_path}/a.csv", "/b.csv"]
