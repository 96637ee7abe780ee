"""The policies of the benchmark: the built-in ones, a file's, a user's own."""

from pathlib import Path

import pytest
from meterstorm.experiments.storm import roster as rosters
from meterstorm.experiments.storm.roster import Entry
from meterstorm.policies.registry import ALL

from support.command_line import POLICIES

BUILT_IN = rosters.read()
TWO = '[[policies]]\nname = "oracle"\n[[policies]]\nname = "one"\n'


def test_the_oracle_has_one_pool_and_comes_first():
    assert BUILT_IN.oracle.settings["policies.balancing"] == {"name": "shared-pool"}
    assert BUILT_IN.arms[0]["name"] == BUILT_IN.oracle.name
    assert len(BUILT_IN.rivals) >= 10


@pytest.mark.parametrize("kind", ALL)
def test_every_policy_of_the_registry_can_be_one_more(kind: str):
    others = {name for other, policies in ALL.items() if other != kind for name in policies}
    for name in ALL[kind].keys() - others:
        (key,) = rosters.one(name).settings
        assert key == ("policies.failover" if kind == "wrapper" else f"policies.{kind}")
    for name in ALL[kind].keys() & others:
        with pytest.raises(ValueError, match=f"is one of .*{kind}.*; a file of policies can say which"):
            rosters.one(name)


def test_a_wrapper_goes_around_full_jitter():
    assert rosters.one("hystrix").settings == {
        "policies.failover": {"name": "full-jitter", "within": [{"name": "hystrix"}]}
    }


def test_ones_own_policy_is_found_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine.py").write_text(POLICIES)
    monkeypatch.chdir(tmp_path)
    entry = rosters.one("./mine.py:MyPolicy")
    assert entry == Entry("MyPolicy", {"policies.failover": {"name": f"{tmp_path}/mine.py:MyPolicy"}})
    assert rosters.with_more(BUILT_IN, ["./mine.py:MyPolicy"]).rivals[-1] == entry


def test_paths_in_a_file_start_from_its_folder(tmp_path: Path):
    file = tmp_path / "roster.toml"
    file.write_text(TWO + 'set = { "policies.failover" = { name = "polly", within = [{ name = "a/b.py:C" }] } }\n')
    settings = rosters.read(file).rivals[0].settings
    assert settings["policies.failover"]["within"] == [{"name": f"{tmp_path}/a/b.py:C"}]


def test_the_baseline_is_the_first_unless_it_is_named():
    assert rosters.baseline(BUILT_IN, None) == BUILT_IN.rivals[0].name
    assert rosters.baseline(BUILT_IN, "LM-X") == "LM-X"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[policies", "cannot be read"),
        ("", "0 policies; there must be an oracle, and at least one more"),
        ('[[policies]]\nname = "a"\n', "1 policies"),
        (TWO + '[[policies]]\nname = "one"\n', 'policy "one": given 2 times'),
        ('[[policies]]\nnaem = "a"\n', "is not allowed; each has a name"),
        (TWO + "set = 3\n", "is not allowed; each has a name"),
        ("x = 1\n", '"x" is not allowed; it has [[policies]] only'),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(tmp_path: Path, text: str, words: str):
    file = tmp_path / "roster.toml"
    file.write_text(text)
    with pytest.raises(ValueError) as told:
        rosters.read(file)
    assert words in str(told.value)


def test_an_unknown_policy_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r'no policy "hystricks"; .*did you mean "hystrix"'):
        rosters.with_more(BUILT_IN, ["hystricks"])
    with pytest.raises(ValueError, match=r'"fixd" is not one of them; .*did you mean "fixed"'):
        rosters.baseline(BUILT_IN, "fixd")
