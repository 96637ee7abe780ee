"""The page of all findings, made of the results in the repository."""

from . import crowds, leases, outages, seats, storms
from .answer import Finding, section
from .figures import CLAIMS_MAX, CONFIDENCE, Figures, NotShownError
from .study import HERE

PAGE = HERE.parent / "FINDINGS.md"
FINDINGS: tuple[Finding, ...] = (
    *storms.FINDINGS,
    *outages.FINDINGS,
    *leases.FINDINGS,
    *crowds.FINDINGS,
    *seats.FINDINGS,
)
HEAD = f"""# Findings

Questions that people asked in public, and what sweeps say. Each answer is made of the results that are kept in
`experiments/findings/`, and a test holds this page to them. Means have their 95 % intervals over replications.
Differences are paired by replication, at common random numbers, and have intervals of {100 * CONFIDENCE:g} %:
all of them hold at once with 95 % (Bonferroni, up to {CLAIMS_MAX}; where who is compared was chosen by the same
results, each pair that might have been counts). The table of the storm benchmark is a family of its own: what it
calls better or worse holds at once with its own 95 %. What an interval does not show is not told apart.

The command below each answer sweeps it again. `python -m meterstorm.experiments.findings NAME` keeps new
results and writes this page; with `--seed 7` it prints the answer at other draws, and fails if what it claims
is not there. The sites are simulated ones, not yours: the scenarios say what was chosen.

"""


def named(name: str) -> Finding:
    """Return a finding by the name of its study; raises ValueError for one that there is not."""
    found = {finding.study.name: finding for finding in FINDINGS}
    if name not in found:
        raise ValueError(f"{name}: no such finding; the findings are {', '.join(found)}")
    return found[name]


def text() -> str:
    """Return the page; raises NotShownError where results do not show what is claimed, or too much is claimed."""
    sections, claims = [], 0
    for finding in FINDINGS:
        figures = Figures(finding.study.read())
        sections.append(section(finding, finding.answer(figures)))
        claims += figures.claims
    if claims > CLAIMS_MAX:
        raise NotShownError(f"{claims} differences are claimed, more than {CLAIMS_MAX} hold at once")
    return HEAD + "\n".join(sections)


def write() -> None:
    """Write the page; raises OSError."""
    PAGE.write_text(text(), encoding="utf-8")
