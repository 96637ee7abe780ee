"""Findings from the command line: without a name, rewrite the page from the results in the repository.

With a name, run its study, keep the results and rewrite the page; with a seed, keep nothing and print the answer
at other draws.
"""

import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from . import page
from .answer import section
from .figures import Figures, NotShownError


def main() -> None:
    """Run what is asked for; end with status 2 for wrong input, and 1 where a claim is not shown."""
    parser = ArgumentParser(prog="python -m meterstorm.experiments.findings", description=__doc__)
    parser.add_argument("name", nargs="?", help="of a finding")
    parser.add_argument("--seed", type=int, help="of all draws, in place of the scenario's")
    given = parser.parse_args()
    try:
        if given.name is None:
            page.write()
        else:
            run(given.name, given.seed)
    except NotShownError as error:
        sys.exit(f"not shown: {error}")
    except ValueError as error:
        parser.error(str(error))


def run(name: str, seed: int | None) -> None:
    """Run a study; raises ValueError for its name or a world that failed, and NotShownError."""
    finding = page.named(name)
    with tempfile.TemporaryDirectory(prefix="meterstorm-") as folder:
        rows = finding.study.run(Path(folder), seed)
    answer = finding.answer(Figures(rows))
    if seed is not None:
        print(section(finding, answer))
        return
    finding.study.write(rows)
    page.write()


if __name__ == "__main__":
    main()
