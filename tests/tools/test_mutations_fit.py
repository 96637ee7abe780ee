"""`make mutants` takes half an hour, so it is no part of the tests; that its mutations still fit is."""

from pathlib import Path

import pytest

from tools.mutations import MUTATIONS, Mutation

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_fits(mutation: Mutation):
    assert (TESTS.parent / mutation.file).read_text().count(mutation.old) == 1
    assert mutation.old != mutation.new
    module, _, name = mutation.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (TESTS / module).read_text()
