"""Findings: the page is what the results in the repository say, and these are what the engine gives."""

import math
import shlex
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from meterstorm.experiments.findings import __main__ as command
from meterstorm.experiments.findings import page
from meterstorm.experiments.findings.answer import Finding
from meterstorm.experiments.findings.figures import CLAIMS_MAX, CONFIDENCE, Figures, NotShownError, in_words
from meterstorm.experiments.findings.study import Study
from meterstorm.experiments.metrics.intervals import Estimate
from meterstorm.experiments.storm.scores import NAMES
from meterstorm.experiments.sweeps.run import count_of

from support.command_line import invoke
from support.laws import engset, erlang_b, erlang_c

EACH = pytest.mark.parametrize("finding", page.FINDINGS, ids=lambda finding: finding.study.name)
SWEPT = [finding for finding in page.FINDINGS if isinstance(finding.study, Study)]
BYTES_MAX = 80_000  # of the results of one finding
A, B = {"arm": "a"}, {"arm": "b"}


def figures(a: list[float | None], b: list[float | None]) -> Figures:
    rows = [{"arm": arm, "replication": n, "x": x} for arm, xs in (("a", a), ("b", b)) for n, x in enumerate(xs)]
    return Figures(rows)


# The page


def test_the_page_is_what_the_results_say():
    assert page.PAGE.read_text(encoding="utf-8") == page.text()


@pytest.mark.slow
@EACH
def test_results_in_the_repository_are_what_the_engine_gives(finding: Finding, tmp_path: Path):
    """Their first replication, run anew: equal to the last bit."""
    kept = [row for row in finding.study.read() if row["replication"] == 0]
    assert finding.study._replace(replications=1).run(tmp_path) == kept


@EACH
def test_results_are_small_and_whole(finding: Finding):
    assert finding.study.file.stat().st_size < BYTES_MAX
    assert len(finding.study.read()) == finding.study.size


@pytest.mark.parametrize("finding", SWEPT, ids=lambda finding: finding.study.name)
def test_the_command_of_a_finding_sweeps_the_same(finding: Finding, monkeypatch: pytest.MonkeyPatch):
    """From the repository's root: as many worlds, in as many points."""
    monkeypatch.chdir(page.PAGE.parents[1])
    done = invoke(*shlex.split(finding.study.command)[1:], "--dry-run")
    assert done.exit_code == 0, done.output
    planned = finding.study.plan()
    for count, word in ((len(planned.points), "point"), (count_of(planned), "world")):
        assert f"{count:,} {word}" in done.stdout


@EACH
def test_figures_follow_the_results(finding: Finding):
    """With every value twice as large, an answer is refused, or neither its words nor its table stay."""
    rows = finding.study.read()
    twice = [{key: _twice(metrics_of(finding), key, value) for key, value in row.items()} for row in rows]
    before = finding.answer(Figures(rows))
    try:
        after = finding.answer(Figures(twice))
    except NotShownError:
        return
    assert before.words != after.words
    assert before.rows != after.rows


@EACH
def test_without_its_differences_a_finding_is_refused(finding: Finding):
    """Every world has what the first one has: nothing is left to claim."""
    rows = finding.study.read()
    alike = [row | {metric: rows[0][metric] for metric in metrics_of(finding)} for row in rows]
    with pytest.raises(NotShownError):
        finding.answer(Figures(alike))


def metrics_of(finding: Finding) -> tuple[str, ...]:
    return tuple(finding.study.metrics) if isinstance(finding.study, Study) else NAMES


def _twice(metrics: tuple[str, ...], key: str, value: Any) -> Any:
    return value * 2 if key in metrics and value is not None and key != "launches" else value


def test_all_claims_hold_at_once():
    """Bonferroni: as many as the page makes, each at its confidence."""
    made = [Figures(finding.study.read()) for finding in page.FINDINGS]
    for finding, of in zip(page.FINDINGS, made, strict=True):
        finding.answer(of)
    assert 10 < sum(of.claims for of in made) <= CLAIMS_MAX
    assert pytest.approx(0.05) == CLAIMS_MAX * (1 - CONFIDENCE)


def test_each_pair_of_policies_counts_where_the_best_is_chosen_by_the_results():
    finding = page.named("storms")
    of = Figures(finding.study.read())
    contested = {row["policy"]: set() for row in of.rows}
    for row in of.rows:
        contested[row["policy"]].add((row["scenario"], row["setting"], row["case"]))
    everywhere = [policy for policy, own in contested.items() if own == set.union(*contested.values())]
    finding.answer(of)
    assert of.claims == len(everywhere) * (len(everywhere) - 1) / 2


@pytest.mark.parametrize(
    ("case", "dropped"),
    [("0.1 % lost", 200 * 3600 / 12 * (1 - 0.999**2)), ("5 s away", 200 * 5 / 12)],
)
def test_who_fails_fast_drops_a_lease_at_each_heartbeat_that_is_lost(case: str, dropped: float):
    """By the law of heartbeats, 12 s apart: within 3.5 standard errors."""
    rows = page.named("failfast").study.read()
    counts = [row["failovers"] for row in rows if (row["case"], row["arm"]) == (case, "at the first failure")]
    assert abs(fmean(counts) - dropped) < 3.5 * stdev(counts) / math.sqrt(len(counts))


@pytest.mark.parametrize("licenses", [20, 24, 28, 32])
def test_seats_are_those_of_engset_and_erlang(licenses: int):
    """Each mean within 3.5 of its standard errors. The open kind's line has a mean with more than 20 licenses."""
    rows = [row for row in page.named("seats").study.read() if row["products[0].licenses"] == licenses]
    laws = [
        ("closed, denied", "denial_fraction", engset(40, licenses, 1.0)),
        ("open, denied", "denial_fraction", erlang_b(licenses, 20.0)),
    ]
    if licenses > 20:
        laws.append(("open, waiting", "wait_s_mean", 1800 * erlang_c(licenses, 20.0) / (licenses - 20)))
    for arm, metric, law in laws:
        values = [row[metric] for row in rows if row["arm"] == arm]
        assert fmean(values) == pytest.approx(law, abs=3.5 * stdev(values) / math.sqrt(len(values)))


def test_a_restart_that_comes_when_all_is_over_has_no_time():
    """Its fault is a later one than the outage, from whose end the times of the other arms are."""
    finding = page.named("collapse")
    *_, restart = finding.answer(Figures(finding.study.read())).rows
    assert restart == ["restart with an empty queue", "-", "-", "inf"]


@EACH
def test_a_finding_says_who_asked_and_where_it_stops(finding: Finding):
    answer = finding.answer(Figures(finding.study.read()))
    assert finding.asked
    assert answer.stops
    assert finding.question.endswith("?")


def test_an_unknown_finding_is_named():
    with pytest.raises(ValueError, match="gracious: no such finding; the findings are storms, defect, "):
        page.named("gracious")


# Figures


def test_what_is_not_shown_is_not_claimed():
    """A difference of 1 that is noise by the interval; then the same values without the noise."""
    noisy = figures([0.0, 5.0, -3.0, 2.0, 1.0], [1.0, 1.0, 2.0, 1.0, 5.0])
    for claim in (noisy.claim_less, noisy.claim_more):
        with pytest.raises(NotShownError, match="is not shown to be less"):
            claim("x", A, B)
    assert noisy.compare("x", A, B).endswith("(not told apart)")
    clear = figures([0.0, 0.1, 0.0, 0.1, 0.0], [1.0, 1.1, 1.1, 1.0, 1.0])
    assert clear.claim_less("x", A, B).startswith("-1.0")
    assert clear.compare("x", B, A).endswith("(more)")
    with pytest.raises(NotShownError):
        clear.claim_more("x", A, B)


def test_what_is_equal_is_not_told_apart():
    same = figures([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert same.compare("x", A, B) == "+0 (not told apart)"


def test_infinite_values_are_told_by_their_order():
    n = 13  # 2 / 2^13 < 1 - CONFIDENCE
    never = figures([1.0] * n, [math.inf] * n)
    assert never.claim_less("x", A, B) == "-"
    assert never.mean("x", B) == "inf"
    assert figures([math.inf, 1.0], [1.0, 1.0]).mean("x", A) == "inf in 1 of 2"
    with pytest.raises(NotShownError):
        figures([1.0] * 4, [math.inf] * 4).claim_less("x", A, B)  # four pairs are too few


def test_most_pairs_say_which_is_less():
    mostly = figures([math.inf, *[1.0] * 19], [2.0] * 20)
    assert mostly.claim_less("x", A, B) == "-"
    with pytest.raises(NotShownError):
        mostly.claim_less("x", B, A)


def test_bounds_are_for_each_replication():
    found = figures([1.0, 2.0], [1.0, 9.0])
    found.claim_all("x", A, 0, 2)
    for where, high in ((A, 1.5), (B, 5.0)):
        with pytest.raises(NotShownError, match="not from 0 to"):
            found.claim_all("x", where, 0, high)


def test_nothing_is_said_of_what_was_not_run():
    with pytest.raises(KeyError, match="nothing was run at"):
        figures([1.0], [1.0]).mean("x", {"arm": "c"})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(1234.567, 89.1), "1,235 ± 89"),
        (Estimate(0.0826, 0.0076), "0.0826 ± 0.0076"),
        (Estimate(2.0, 0.0), "2"),
        (Estimate(2.0, None), "2"),
    ],
)
def test_a_mean_has_the_digits_that_its_interval_leaves(found: Estimate, words: str):
    assert in_words(found) == words


# The command


def test_without_a_name_the_page_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written = tmp_path / page.PAGE.name
    monkeypatch.setattr(page, "PAGE", written)
    monkeypatch.setattr("sys.argv", ["findings"])
    command.main()
    assert written.read_text(encoding="utf-8") == page.text()


def test_with_a_seed_the_answer_is_printed_and_nothing_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["findings", "grace", "--seed", "7"])
    before = page.named("grace").study.file.read_bytes()
    command.main()
    assert "## Which grace for which stall?" in capsys.readouterr().out
    assert page.named("grace").study.file.read_bytes() == before


def test_a_wrong_name_ends_with_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.argv", ["findings", "gracious"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert "gracious: no such finding; the findings are" in capsys.readouterr().err
