"""One run and its page for all tests."""

import pytest

from support.pages import written


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("pages") / "run")


@pytest.fixture(scope="session")
def page(run_folder):
    return (run_folder / "report.html").read_text(encoding="utf-8")
