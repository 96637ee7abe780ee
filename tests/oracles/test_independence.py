"""The oracles may not share the engine's mistakes, nor each other's."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VOCABULARY = {
    "journal",
    "kinds",
    "JOURNAL",
    "IN_SERVICE",
    "BEFORE_REQUEST",
    "GIVE_UP",
    "GO_OFFLINE",
    "ASK_NEXT",
    "AWAIT_CALLBACK",
    "WANTS_CALLBACK",
}


def imports(oracle: str) -> Iterator[tuple[str, str]]:
    """Every module that an oracle imports from, and what."""
    for file in (HERE / oracle).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)


def test_the_reference_knows_nothing_of_the_engine():
    assert {module for module, _ in imports("reference") if module.startswith("meterstorm")} == set()


def test_the_recount_knows_the_journals_vocabulary_only():
    assert {name for module, name in imports("recount") if module.startswith("meterstorm")} == VOCABULARY


@pytest.mark.parametrize("oracle", ["reference", "recount", "audit"])
def test_oracles_share_nothing(oracle: str):
    ours = {module for module, _ in imports(oracle) if module.split(".")[0] in {"oracles", "support"}}
    assert all(f"{module}.".startswith(f"oracles.{oracle}.") for module in ours), ours
