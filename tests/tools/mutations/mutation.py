"""One way to break the model."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """Sources with one text replaced, and the test that must notice."""

    name: str
    file: str  # within the repository
    old: str  # exactly once in the file
    new: str
    test: str  # within tests/, with the parameters that matter
