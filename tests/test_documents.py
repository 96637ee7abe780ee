"""What the repository's files say of each other is there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("actors", "policies", "experiments", "tests", ".ci")
PAGE = re.compile(r"[\w./-]*\w\.md\b")
FILE = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, ROOMS))})/[\w./-]*\w\.(?:c|h|py|sh|toml|yaml)\b")

QUOTED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+)`")


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is not built or ignored, with its text."""
    files = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    for room in ROOMS:
        files += [path for path in (ROOT / room).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    for file in files:
        yield file.relative_to(ROOT), file.read_text(encoding="utf-8", errors="replace")


def missing(name: re.Pattern[str]) -> list[str]:
    """Where a name stands for no file, be it relative to the file that names it or to any folder above."""
    return [
        f"{file}: {found}"
        for file, text in texts()
        for found in sorted(set(name.findall(text)))
        if not any((ROOT / folder / found).is_file() for folder in file.parents)
    ]


def test_every_page_that_is_named_is_there():
    assert missing(PAGE) == []


def test_every_file_that_is_named_is_there():
    assert missing(FILE) == []


def test_every_path_of_tests_readme_is_there():
    """Folders, too. Pages are left to the test of pages."""
    readme = ROOT / "tests" / "README.md"
    found = [path for path in QUOTED.findall(readme.read_text()) if not path.endswith(".md")]
    assert len(found) > 20
    assert [path for path in found if not any((folder / path).exists() for folder in (readme.parent, ROOT))] == []


def test_a_missing_file_would_be_found():
    assert PAGE.findall("as SCENARIO" + ".md says, and docs/a-b" + ".md") == [
        "SCENARIO" + ".md",
        "docs/a-b" + ".md",
    ]
    assert FILE.findall("see `actors/no/such" + ".py`, not meterstorm/actors/jit" + ".py") == [
        "actors/no/such" + ".py"
    ]
