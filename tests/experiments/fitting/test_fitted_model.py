"""A product's model of a made-up site: what was planted is found, too little is refused, and the scenario runs."""

import json
import math
from random import Random

import numpy as np
import pytest
from meterstorm.actors.shards.simulate import simulate
from meterstorm.experiments.fitting import families, files, habits
from meterstorm.experiments.fitting.model import LAUNCHES_MIN, launching, model, scenario
from meterstorm.experiments.fitting.page import text
from meterstorm.experiments.logs.site import read_site, write_site
from meterstorm.experiments.logs.trace import tick_of
from meterstorm.experiments.metrics.metrics import metrics
from meterstorm.experiments.scenario import ScenarioError, load, validate
from meterstorm.experiments.whatif.demand import Launch, demands

from support.command_line import invoke, refused
from support.lab import CONFIDENCE, is_by_chance, is_mean
from support.made_sites import DAY, PRODUCT, SERVER, of_sessions, served, site

POOL = (SERVER, PRODUCT)
PAGE = "fit" + ".md"  # no page of the repository


def sessions(days, an_hour, mean_s, users, number, cv=1.0):
    """Users who come at random, for times of a lognormal distribution."""
    rng = np.random.default_rng(number)
    begins = np.sort(rng.uniform(0, days * DAY, rng.poisson(days * 24 * an_hour)))
    sigma = math.sqrt(math.log1p(cv**2))
    holds = rng.lognormal(math.log(mean_s) - sigma**2 / 2, sigma, len(begins))
    who = rng.integers(0, users, len(begins))
    return [(float(a), float(a + h), f"u{n}") for a, h, n in zip(begins, holds, who, strict=True)]


def test_what_denied_users_do_is_found_again():
    made, wishes = served(Random(3), 5, 400, gap_s=40, mean_s=60.0)
    found = habits.retries(demands(made, habits.RETRY_WINDOW_S)[POOL].launches)
    denied = [wish for wish in wishes if wish.denied_s]
    lost = [wish for wish in denied if wish.granted_s is None]
    assert found.launches == len(denied) > 50
    assert found.gave_up == pytest.approx(len(lost) / len(denied))
    assert found.gaps_s == pytest.approx(np.full(len(found.gaps_s), 40.0), abs=1.0)
    expected = sorted(wish.denied_s[-1] - wish.denied_s[0] for wish in lost)
    assert np.sort(found.patience_s) == pytest.approx(np.array(expected), abs=1.0)


def impatient(number, mean_s):
    """A log in whole seconds of users who ask again at random, and give up; its lines often share a second."""
    rng = np.random.default_rng(number)
    tries = rng.uniform(0, 2000.0, (80, 1)) + np.cumsum(rng.exponential(mean_s, (80, 4)), axis=1)
    events = [(float(np.floor(time_s)), "denied", f"u{n}") for n, row in enumerate(tries) for time_s in row]
    held = [(50.0 * n, 50.0 * n + 20.0, f"v{n % 3}") for n in range(LAUNCHES_MIN + 10)]
    events += [(begin_s, "out", user) for begin_s, _, user in held]
    return site(sorted(events, key=lambda event: event[0]), held, 5, 3000.0)


def test_true_gaps_in_whole_seconds_are_refused_as_seldom_as_p_says():
    """Of times with fractions, which tell only the order of lines, the most part would be refused."""
    samples, refused, rng = 100, 0, np.random.default_rng(0)
    for number in range(samples):
        launches = demands(impatient(number, 4.0), habits.RETRY_WINDOW_S)[POOL].launches
        gaps = habits.retries(habits.as_logged(launches, 1.0)).gaps_s
        refused += families.fit("exponential", gaps, tick_of(gaps), rng).p < families.P_MIN
    assert is_by_chance(refused, samples, families.P_MIN)


def test_what_is_told_of_denied_users_has_the_ticks_of_the_log():
    """Where the log has fractions, so have they."""
    made = impatient(1, 20.0)
    again = model(made, None).retries
    assert tick_of(again.gaps_s) == tick_of(again.patience_s) == 1.0
    *times, last_s = made.events["time_s"].to_pylist()
    row = made.events.schema.get_field_index("time_s")
    finer = made._replace(events=made.events.set_column(row, "time_s", [[*times, last_s + 0.5]]))
    assert tick_of(model(finer, None).retries.gaps_s) == 0.0


def test_the_page_has_a_sentence_for_what_the_scenario_does_and_one_for_what_it_does_not():
    fitted = model(impatient(1, 20.0), None)
    fitted = fitted._replace(bursts=fitted.bursts._replace(is_by_chance=False, told=2))
    page = text(fitted, [])
    delay_s = np.median(fitted.retries.gaps_s)
    assert f"all ask again every {delay_s:,.0f} s (half of the log's gaps are shorter), and give up after " in page
    assert "these are not modeled: in the scenario" in page
    assert "of the launches come within 10 s after the one before" in page


def denied(tries_s, is_granted):
    return Launch("a", 1, tuple(tries_s), 10.0, is_granted)


def test_who_had_a_license_had_the_patience_until_then():
    """By hand: of 4 one gives up after 30 s, which leaves 3/4; of the 2 left one after 60 s, 3/8: half by then."""
    rows = [denied([0, 30], False), denied([0, 50], True), denied([0, 60], False), denied([0, 90], True)]
    assert habits.retries(rows).half_gone_s == 60.0
    few = [denied([0, 10], False), *(denied([0, 50 + n], True) for n in range(3))]
    assert habits.retries(few).half_gone_s == math.inf


@pytest.mark.parametrize("is_granted", [False, True])
def test_half_are_gone_when_the_last_of_the_first_half_goes(is_granted):
    """Whatever becomes of the others: the shares (1 - 1/n) of n who are left multiply to one half exactly."""
    for half in range(1, 200):
        rows = [denied([0, n + 1], False) for n in range(half)]
        rows += [denied([0, 1000 + n], is_granted) for n in range(half)]
        assert habits.retries(rows).half_gone_s == half


def test_outages_and_who_comes_back_are_found_again():
    """Three servers' spells by hand; of two users who lost a license one is back after 30 s."""
    held = [(10.0, 100.0, "a"), (20.0, 100.0, "b"), (130.0, 500.0, "a"), (9000.0, 9001.0, "b")]
    down = [(100.0, 100.0 + 0.0), (600.0, 650.0), (1650.0, 1800.0)]
    made = site([], held, 5, 10_000.0, outages=down)
    ended = ["crash", "crash", "in", "in"]
    row = made.sessions.schema.get_field_index("ended")
    made = made._replace(sessions=made.sessions.set_column(row, "ended", [ended]))
    found = habits.away(made, SERVER)
    assert found.up_s.tolist() == [100.0, 500.0, 1000.0]
    assert found.down_s.tolist() == [0.0, 50.0, 150.0]
    assert habits.returns_s(made, POOL) == [30.0, None]


@pytest.mark.parametrize("count", [0, 1, LAUNCHES_MIN - 1])
def test_too_little_is_refused_with_the_numbers(count):
    rows = [(100.0 * n, 100.0 * n + 50.0, "a") for n in range(count)]
    words = (
        f"{count} launches; a fit needs {LAUNCHES_MIN}" if count else "no product of which licenses were granted"
    )
    with pytest.raises(ValueError, match=words):
        model(of_sessions(rows, 1, 10_000.0), None)


def test_users_who_never_come_again_say_nothing_of_intervals():
    rows = [(100.0 * n, 100.0 * n + 50.0, f"u{n}") for n in range(100)]
    with pytest.raises(ValueError, match="0 launches come after another of their user"):
        model(of_sessions(rows, 1, 10_000.0), None)


@pytest.mark.parametrize(("an_hour", "mean_s", "kind"), [(2.0, 900.0, "a user's"), (30.0, 30_000.0, "at random")])
def test_the_scenario_has_the_launches_and_the_load_of_the_log(an_hour, mean_s, kind, tmp_path):
    """Little's law holds in both: licenses in use are the rate times the mean hold."""
    days, users = 42, 40
    rows = sessions(days, an_hour, mean_s, users, 1, cv=1.2)
    fitted = model(of_sessions(rows, None, days * DAY), None)
    assert (launching(fitted) is fitted.gaps.best) == (kind == "a user's")
    files.write(fitted, tmp_path / "fit.toml")
    made = load(tmp_path / "fit.toml")
    found = metrics(made, simulate(made))
    expected = an_hour * made.run.duration_s / 3600.0
    low = expected * 0.96 - 3.3 * math.sqrt(2 * expected)
    assert low < found["launches"] < expected + 3.3 * math.sqrt(2 * expected)
    assert found["licenses_in_use_mean"] == pytest.approx(an_hour * mean_s / 3600.0, rel=0.2)
    assert found["suppressed"] < 0.04 * found["launches"]


def test_an_outage_of_the_scenario_frees_what_was_out_as_in_the_log():
    days, down = 21, [(n * DAY, n * DAY + 3600.0) for n in range(1, 20)]
    held = of_sessions(sessions(days, 2.0, 4 * 3600.0, 40, 5), 50, days * DAY)
    fitted = model(held._replace(outages=site([], [], 50, days * DAY, outages=down).outages), None)
    made = validate(scenario(fitted, {}))
    found = metrics(made, simulate(made))
    assert made.faults
    assert (found["ghost_license_hours"], found["denials_ghost"]) == (0.0, 0)


def test_holds_are_recovered():
    rows = sessions(30, 3.0, 1000.0, 30, 2, cv=1.5)
    fitted = model(of_sessions(rows, None, 31 * DAY), None)
    assert fitted.holds.best.name == "lognormal"
    holds = np.array([end - begin for begin, end, _ in rows])
    assert is_mean(fitted.holds.best.mean_s, 1000.0, 1.5 * 1000.0, len(holds))
    assert CONFIDENCE > 0.99 and fitted.holds.best.cv == pytest.approx(1.5, rel=0.25)


def test_tokens_are_drawn_as_often_as_they_were_taken():
    rows = sessions(20, 3.0, 1000.0, 30, 3)
    made = of_sessions(rows, 50, 21 * DAY)
    counts = [1 + (n % 4 == 0) for n in range(made.sessions.num_rows)]
    row = made.sessions.schema.get_field_index("count")
    made = made._replace(sessions=made.sessions.set_column(row, "count", [counts]))
    (product,) = scenario(model(made, None), {})["products"]
    ones = counts.count(1)
    assert product == {"name": PRODUCT, "licenses": 50, "tokens": [[1, ones], [2, len(counts) - ones]]}


@pytest.fixture
def folder(tmp_path):
    rows = sessions(30, 2.0, 1000.0, 20, 4)
    spiked = [(a, a + 7200.0 if n % 8 == 0 else b, user) for n, (a, b, user) in enumerate(rows)]
    write_site(tmp_path / "site", of_sessions(spiked, 9, 31 * DAY))
    return tmp_path / "site"


def test_the_command_writes_a_scenario_that_is_valid_and_a_page(folder, tmp_path):
    result = invoke("fit", folder, "--out", tmp_path / "made" / "fit.toml")
    assert result.exit_code == 0, result.stderr
    assert "of the sessions last about 7,200 s: an idle time-out?" in result.stdout
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert {"fit.toml", PAGE, "fit-run-times.parquet", "fit-holds-quantiles.svg", "fit-bursts.svg"} <= names
    assert invoke("validate", tmp_path / "made" / "fit.toml").exit_code == 0
    page = (tmp_path / "made" / PAGE).read_text()
    assert "| exponential |" in page and "](fit-holds-quantiles.svg)" in page
    assert (tmp_path / "made" / "fit-holds-quantiles.svg").read_text().startswith("<svg")


def test_the_command_prints_json(folder):
    found = json.loads(invoke("fit", folder, "--json").stdout)
    assert found["holds"]["taken"]["name"] == "empirical"
    (spike,) = found["spikes"]
    assert spike["time_s"] == pytest.approx(7200.0, abs=1.0)
    site_again = read_site(folder)
    assert found["launches"] == site_again.sessions.num_rows
    assert found["denied"]["launches"] == found["outages"]["number"] == 0


def test_what_no_scenario_can_have_is_refused(tmp_path):
    """Fifty programs that run for thirty years: the clients that launch them do so too seldom for any scenario."""
    rows = [(6000.0 * n, 1e9 - 10.0, "a") for n in range(50)]
    write_site(tmp_path / "site", of_sessions(rows, None, 1e9 - 2.0))
    result = invoke("fit", tmp_path / "site", "--out", tmp_path / "fit.toml")
    refused(result, 2, ["no scenario can have what was fitted: workload.launch_interval_s: "])
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_fit_that_no_scenario_can_have_leaves_all_as_it_was(folder, tmp_path):
    fitted = model(read_site(folder), None)
    before = {path: path.read_bytes() for path in files.write(fitted, tmp_path / "made" / "fit.toml")}
    seldom = fitted._replace(
        arrivals=fitted.arrivals._replace(rate_per_s=1e-30),
        holds=fitted.holds._replace(values=fitted.holds.values * 2),
    )
    for name in ("made/fit.toml", "made/other.toml", "another/fit.toml"):
        with pytest.raises(ScenarioError, match="launch_interval_s"):
            files.write(seldom, tmp_path / name)
    assert {path: path.read_bytes() for path in (tmp_path / "made").iterdir()} == before
    assert not (tmp_path / "another").exists()


def test_a_fit_takes_the_place_of_an_earlier_one_of_its_name(folder, tmp_path):
    """Each has files that the other one has not; what is not a fit's stays."""
    spiked, plain = model(read_site(folder), None), model(impatient(1, 20.0), None)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "fit-notes.svg").touch()
    for fitted in (spiked, plain, spiked, plain):
        files.write(fitted, tmp_path / "made" / "fit.toml")
        alone = {path.name for path in files.write(fitted, tmp_path / f"{id(fitted)}" / "fit.toml")}
        assert {path.name for path in (tmp_path / "made").iterdir()} == alone | {"fit-notes.svg"}
    assert load(tmp_path / "made" / "fit.toml")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--product", "viewer"], "--product viewer: licenses were granted of daemon/editor only"),
        (["--out", "fit.csv"], "--out fit.csv: must be the name of a scenario, FILE.toml"),
    ],
)
def test_what_is_wrong_is_told(words, error, folder):
    refused(invoke("fit", folder, *words), 2, [error])
