"""House rules: small files, small functions, names that say what is inside."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("actors", "policies", "experiments", "tests")
FILE_LINES_MAX = 400
BODY_LINES_MEDIAN_MAX = 6
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "misc", "common"}


def sources(room: str) -> dict[str, str]:
    """The text of every Python file of a room, by its path."""
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / room).rglob("*.py"))}


def bodies(text: str) -> Iterator[tuple[str, int]]:
    """The lines of every function's body, without its docstring, comments and blank lines."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            span = lines[body[0].lineno - 1 : body[-1].end_lineno] if body else []
            yield node.name, sum(1 for line in span if line.strip() and not line.strip().startswith("#"))


def test_no_file_is_long():
    lengths = {file: len(text.splitlines()) for room in ROOMS for file, text in sources(room).items()}
    assert {file: length for file, length in lengths.items() if length > FILE_LINES_MAX} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_functions_are_small(room: str):
    found = [(lines, file, name) for file, text in sources(room).items() for name, lines in bodies(text)]
    longest = "\n".join(f"{lines:4} {file}: {name}" for lines, file, name in sorted(found)[:-11:-1])
    middle = median(lines for lines, *_ in found)
    assert middle <= BODY_LINES_MEDIAN_MAX, f"a median of {middle} lines; the longest:\n{longest}"


@pytest.mark.parametrize("room", ROOMS)
def test_names_say_what_is_inside(room: str):
    names = {part.removesuffix(".py") for file in sources(room) for part in Path(file).parts}
    assert names & SAYS_NOTHING == set()


def test_names_of_test_files_are_unique():
    """Pytest imports them by their name alone."""
    names = Counter(Path(file).name for file in sources("tests") if Path(file).name.startswith("test_"))
    assert [name for name, times in names.items() if times > 1] == []


def test_a_class_has_a_name_of_its_own():
    """Among the engine and the policies, which a reader follows from room to room."""
    names = Counter(
        node.name
        for room in ("actors", "policies")
        for text in sources(room).values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_lines_of_a_body_are_counted():
    text = """
def f():
    'Say.'
    # why
    if True:

        return 1

    def g():
        'Only.'
"""
    assert dict(bodies(text)) == {"f": 4, "g": 0}
