"""`list policies`, and `show` of one policy: its law, its parameters with units, a plot of its delays."""

import re
from pathlib import Path

import pytest
from meterstorm.experiments.cli import console
from meterstorm.policies.registry import ALL

from support.command_line import invoke, refused

ROW = re.compile(r"^ +\d+  (\D+?) {2,}([\d.,]+ s) +([\d.,]+ s) +([\d.,]+ s)(?:  ( *[─•]+))?$", re.MULTILINE)

OWN = '''from typing import NamedTuple
from meterstorm.policies import retry

class Steady(NamedTuple):
    """Every so often."""
    delay_s: float
    per_s: float = 2

    def on_failure(self, link, memory, u):
        return retry({answer})
'''


def shown(*arguments: str) -> str:
    result = invoke("show", *arguments)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def test_the_list_has_every_policy_once_under_its_kind():
    sections = invoke("list", "policies").stdout.strip().split("\n\n")
    found = {head[:-1]: [line.split()[0] for line in lines] for head, *lines in map(str.splitlines, sections)}
    assert found == {kind: list(policies) for kind, policies in ALL.items()}
    assert all(len(line.split()) > 2 for line in "\n".join(sections).splitlines() if line.startswith("  "))


def test_another_list_is_refused():
    refused(invoke("list", "servers"), console.WRONG_INPUT, ["servers", "scenarios, policies"])
    assert invoke("list", "scenarios").stdout == invoke("list").stdout


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, known in ALL.items() for name in known])
def test_every_parameter_has_a_line_with_its_default_and_unit(kind: str, name: str):
    text, cls = shown(name), ALL[kind][name]
    for field in cls._fields:
        unit = "1/s" if field.endswith("per_s") else "s" if re.search(r"(^|_)s$", field) else ""
        line = f"    {field:20} = {cls._field_defaults[field]:g} {unit}".rstrip()
        assert line in text.splitlines()


def test_the_plot_has_the_delays_of_the_formula():
    rows = ROW.findall(shown("capped-exponential", "--set", "base_s=3", "--set", "cap_s=24"))
    assert [row[0] for row in rows] == ["retry"] * 8
    assert [row[1:4] for row in rows] == [(f"{s} s",) * 3 for s in (6, 12, 24, 24, 24, 24, 24, 24)]
    assert [row[4].index("•") for row in rows] == [round(30 * s / 24) for s in (6, 12, 24, 24, 24, 24, 24, 24)]


def test_a_bar_goes_from_the_shortest_delay_to_the_longest():
    *bars, last = [row[4] for row in ROW.findall(shown("polly", "--set", "jitter=1"))]
    assert last == ""  # given up
    (bar,) = set(bars)
    assert len(bar) == 31  # the longest of all, from 0 on
    assert (len(bar) - len(bar.lstrip()), bar.index("•")) == (round(30 * 1.05 / 1.95), round(30 * 1.5 / 1.95))


def test_a_wrapper_is_plotted_around_a_policy():
    text = shown("max-tries", "--set", "tries=2")
    assert "Delays around full-jitter" in text
    assert [row[0] for row in ROW.findall(text)] == ["retry", "give up"]


@pytest.mark.parametrize("name", ["ring", "fifo", "static", "immediate", "never"])
def test_what_waits_nowhere_has_no_plot(name: str):
    assert "Delays" not in shown(name)


def test_ones_own_policy_is_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("steady.py").write_text(OWN.format(answer="self.delay_s"))
    text = shown("./steady.py:Steady")
    assert "Every so often." in text and f"{tmp_path / 'steady.py'}: Steady" in text
    assert "    delay_s              required s" in text.splitlines() and "per_s                = 2 1/s" in text
    assert "Delays" not in text
    assert [row[1] for row in ROW.findall(shown("./steady.py:Steady", "--set", "delay_s=7"))] == ["7 s"] * 8


@pytest.mark.parametrize(
    ("answer", "words"), [("-1.0", "answers retry after -1.0 s"), ("1 / 0", "on_failure raised ZeroDivisionError")]
)
def test_ones_own_policy_that_fails_is_blamed(tmp_path: Path, answer: str, words: str):
    file = tmp_path / "failing.py"
    file.write_text(OWN.format(answer=answer))
    refused(invoke("show", f"{file}:Steady", "--set", "delay_s=7"), console.WRONG_INPUT, ["failing.py", words])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["full-jitter", "--set", "cup_s=1"], ["cup_s", "base_s, cap_s, retries"]),
        (["full-jitter", "--set", "cap_s=-1"], ["cap_s", "-1"]),
        (["q226827", "--set", "cap_s=1"], ["--set", "q226827", "no policy"]),
        (["keys", "--set", "cap_s=1"], ["--set", "keys", "no policy"]),
        (["no/such.py:One"], ["no/such.py"]),
    ],
)
def test_wrong_input_is_named(arguments: list[str], words: list[str]):
    refused(invoke("show", *arguments), console.WRONG_INPUT, words)
