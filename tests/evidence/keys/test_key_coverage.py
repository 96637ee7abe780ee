"""A key of the schema, or a word that one takes, without a test that shows its effect is an error."""

from importlib import import_module
from pathlib import Path

from support.lab import COVERED, keys_of


def test_every_key_and_word_of_the_schema_has_a_test():
    for file in Path(__file__).parent.glob("test_*_keys.py"):
        import_module(file.stem)
    assert keys_of() - COVERED.keys() == set(), "keys without a test"
    assert COVERED.keys() - keys_of() == set(), "tests of keys that there are not"
