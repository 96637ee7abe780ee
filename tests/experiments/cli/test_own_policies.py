"""A user's own policy on the command line."""

from meterstorm.experiments.scenario import load

from support.command_line import DARK, POLICIES, SHORT, run_json


def test_ones_own_policy_from_another_folder(here, monkeypatch):
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "mine.py").write_text(POLICIES)
    monkeypatch.chdir("elsewhere")
    options = ["--failover", "./mine.py:MyPolicy", "--set", "policies.failover.delay_s=30", "--out", "out"]
    slow = run_json("../dark.toml", *options)
    written = load("out/scenario.toml").policies.failover
    assert written.name == f"{here / 'elsewhere' / 'mine.py'}:MyPolicy"
    assert written.parameters == {"delay_s": 30}
    same = ["--failover", "retry-then-failover", "--set", "policies.failover.retries=inf"]
    ours = run_json("../dark.toml", *same, "--set", "policies.failover.delay_s=30")
    assert slow["digest"] == ours["digest"]
    quick = run_json("../dark.toml", "--failover", "./mine.py:MyPolicy")
    assert quick["digest"] != slow["digest"]


def test_ones_own_policy_named_in_a_file_is_relative_to_the_file(here, monkeypatch):
    policy = '\n[policies]\nfailover = { name = "mine.py:MyPolicy", delay_s = 30 }\n'
    (here / "own.toml").write_text(SHORT + policy + DARK)
    monkeypatch.chdir("/")
    content = run_json(here / "own.toml", "--out", here / "out")
    monkeypatch.chdir(here)
    given = ["--failover", "mine.py:MyPolicy", "--set", "policies.failover.delay_s=30"]
    assert content["digest"] == run_json("dark.toml", *given)["digest"]
    assert run_json("out/scenario.toml")["digest"] == content["digest"]  # what was written runs again
