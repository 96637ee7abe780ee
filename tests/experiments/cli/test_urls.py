"""A URL in place of a path is refused, and leaves no folder of its scheme's name behind."""

from pathlib import Path

import pytest
from meterstorm import Sweep, write_report
from meterstorm.experiments.cli.console import WRONG_INPUT
from meterstorm.experiments.runs.folder import on_disk

from support.command_line import invoke, refused

WHY = "a URL is not allowed; it must be a path, as of a disk of this machine's"
URLS = ["s3://bucket/run", "gs://bucket/run", "abfss://c@account/run", "file:///tmp/run", "HTTPS://host/run"]


@pytest.mark.parametrize(
    "command",
    [
        "run short.toml --junit {}", "run {}", "sweep short.toml --vary clients.count=1,2 --out {}",
        "sweep short.toml --vary clients.count=1,2 --csv {}", "sweep short.toml --vary clients.count=1,2 --out={}",
        "results {}", "report out --svg {}",
        "compare out {}", "import flexnet {} --out site", "bench storm --out {}", "validate {}", "journal {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("url", URLS[:2])
def test_most_commands_take_none(here: Path, command: str, url: str):
    before = sorted(here.iterdir())
    result = invoke(*[word.format(url) for word in command.split()])
    refused(result, WRONG_INPUT, [f"{url}: {WHY}"])
    assert sorted(here.iterdir()) == before


def test_the_option_is_named(here: Path):
    refused(invoke("hunt", "q226827", f"--out={URLS[0]}"), WRONG_INPUT, [f"--out {URLS[0]}: {WHY}"])
    refused(invoke("run", "q226827", "--json", URLS[0]), WRONG_INPUT, [f"{URLS[0]}: {WHY}"])


@pytest.mark.parametrize("words", [["--arm", "s3://x"], ["--set", "s3://x"], ["--arm=s3://x"]])
def test_what_is_no_path_is_not_refused_as_one(here: Path, words: list[str]):
    result = invoke("run", "q226827", *words)
    assert result.exit_code == WRONG_INPUT
    assert WHY not in " ".join(result.stderr.split())


def test_what_python_is_given_is_refused_too(here: Path):
    before = sorted(here.iterdir())
    sweep = Sweep("short.toml", vary={"clients.count": [1, 2]})
    for out in (URLS[0], Path(URLS[0])):
        with pytest.raises(ValueError, match=r"s3:/.*a URL is not allowed"):
            sweep.run(out=out)
        with pytest.raises(ValueError, match=r"s3:/.*a URL is not allowed"):
            write_report("out", out=out)
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("url", URLS)
def test_a_url_has_a_scheme(url: str):
    with pytest.raises(ValueError, match="a URL is not allowed"):
        on_disk(url)


@pytest.mark.parametrize(
    "path", ["results/a:b", "C:/results", "./mine.py:Patient", "/s3:/x", "s3", "s3:x", "a/s3://x"]
)
def test_a_path_has_none(path: str):
    assert on_disk(path) == Path(path)
