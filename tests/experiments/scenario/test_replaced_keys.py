"""Keys of earlier versions: the message says what to write now, and that is right."""

import tomllib
from typing import Any

import pytest
from meterstorm.experiments.scenario import validate

from support.scenario_file import errors, refused

START = ": no key any more; write "
SPELLINGS = [
    ({"on_denial": "give-up"}, {"name": "give-up"}),
    ({"on_denial": "retry"}, {"name": "retry"}),
    ({"on_denial": "retry", "retry_denied_s": 20.5}, {"name": "retry", "delay_s": 20.5}),
    ({"on_denial": "callback", "retry_denied_s": 20, "callback_poll_s": 0}, {"name": "callback", "poll_s": 0}),
    ({"retry_denied_s": 20}, {"name": "retry", "delay_s": 20}),  # the only policy that has it
]


@pytest.mark.parametrize(("old", "now"), SPELLINGS)
def test_an_old_key_is_refused_with_the_new_spelling(old: dict[str, Any], now: dict[str, Any]):
    lines = errors({"clients": old})
    starts, spellings = zip(*(line.split(START) for line in lines), strict=True)
    assert starts == tuple(f"clients.{key}" for key in old)
    (spelling,) = set(spellings)
    written = tomllib.loads(spelling)
    assert written == {"policies": {"denial": now}}
    validate({"title": "x"} | written)


@pytest.mark.parametrize("place", ["--set", "arm"])
def test_overrides_are_told_too(place: str, write):
    arm = '[[arms]]\nname = "a"\nset = { "clients.on_denial" = "retry" }\n' if place == "arm" else ""
    overrides = {} if arm else {"clients.on_denial": "retry"}
    (line,) = refused(write('title = "x"\n' + arm), overrides)
    assert line.endswith('clients.on_denial: no key any more; write policies.denial = { name = "retry" }')


def test_other_tables_have_no_such_keys():
    (line,) = errors({"servers": {"on_denial": "retry"}})
    assert line.startswith("servers.on_denial: unknown key; allowed: ")
