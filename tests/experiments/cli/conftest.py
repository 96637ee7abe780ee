"""A folder with a few files for every test of the command line."""

import pytest

from support.command_line import COMPARED, DARK, POLICIES, SHORT


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test works in a folder of its own that holds a few files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, text in {
        "short.toml": SHORT,
        "dark.toml": SHORT + DARK,
        "compared.toml": COMPARED,
        "mine.py": POLICIES,
        "raises.py": 'raise RuntimeError("boom")\n',
        "syntax.py": "x = = 1\n",
        "exits.py": "import sys\nsys.exit(7)\n",
        "broken.toml": "[[[\n",
        "trace.csv": "a,b\n1,2\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path
