"""`make mutants` takes ten minutes, so it is no part of the tests; that its mutations still fit the sources is."""

import pytest

from tools.mutants import MUTATIONS, ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation[0])
def test_it_fits(mutation: tuple[str, str, str, str, str]):
    _, file, old, new, test = mutation
    text = (ROOT / file).read_text()
    assert text.count(old) == 1
    assert old != new
    module, _, name = test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / "tests" / module).read_text()
