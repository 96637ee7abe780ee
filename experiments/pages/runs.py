"""The report of a run, or of several side by side."""

from collections.abc import Iterator

from . import beside, change, facts, timeseries, twin, verdict, wall
from .by_server import ByServer, Servers
from .chapters import Chapter, Group, Report
from .folders import Book
from .markup import items, name, paragraph
from .windows import Faults


def report(book: Book) -> Report:
    """Return the report of runs."""
    alone = len(book.runs) == 1
    title = book.runs[0].folder.scenario.title if alone else " and ".join(run.name for run in book.runs)
    sentences = [
        f"{'' if alone else f'<strong>{name(run.name)}</strong>: '}{verdict.verdict(run)}" for run in book.runs
    ]
    compared = change.of(book) if len(book.runs) == 2 else None
    if compared and compared.entries:
        sentences.insert(0, verdict.of_comparisons(compared.entries))
    chapters = [*([change.chapter(compared)] if compared else []), *_chapters(book)]
    return Report(title, "<br>".join(sentences), [arm.key for arm in book.arms], chapters)


def _chapters(book: Book) -> Iterator[Chapter]:
    if found := list(beside.symptoms(book)):
        yield Chapter("symptoms", "Symptoms", groups=[Group("", found)])
    if lines := [line for run in book.runs for line in verdict.expectations(run)]:
        yield Chapter("expected", "What is expected", items(lines))
    yield Chapter("setup", "What was run", _setup(book))
    yield _over_time(book)
    yield from filter(None, (wall.chapter(book), twin.chapter(book)))
    if found := [*beside.forests(book), *beside.waits(book)]:
        title = "Arms side by side" if len(book.arms) > 1 else "How long users wait"
        yield Chapter("arms", title, groups=[Group("", found)])
    tables = [(_in("Metrics", case), beside.summary_table(book, case)) for case in book.cases]
    words = "Means over the replications with their 95 % intervals; - where a metric does not apply."
    yield Chapter("metrics", "All metrics", paragraph(words, "soft"), tables=tables)
    of_groups = [(_in("Groups of clients", case), beside.group_table(book, case)) for case in book.cases]
    if shown := [(title, table) for title, table in of_groups if table is not None]:
        words = "What each group has of the metrics, beside all clients: means over the replications, as above."
        yield Chapter("groups", "Groups of clients", paragraph(words, "soft"), tables=shown)
    warned = [line for run in book.runs for line in run.summary["warnings"]]
    yield Chapter("warnings", "Warnings", items(map(name, warned)) if warned else paragraph("None."))
    yield Chapter("origin", "Where it comes from", "".join(facts.origin(run.provenance) for run in book.runs))


def _in(title: str, case: str | None) -> str:
    return f"{title} in “{case}”" if case else title


def _setup(book: Book) -> str:
    alone = len(book.runs) == 1
    heads = ["" if alone else f"<h3>{name(run.name)}</h3>" for run in book.runs]
    return "".join(head + facts.what_was_run(run, alone) for head, run in zip(heads, book.runs, strict=True))


def _over_time(book: Book) -> Chapter:
    faults = [Faults(run) for run in book.runs]
    servers = Servers(book, faults)
    groups, still, alike = [], [], []
    for case in timeseries.of(book, faults):
        here = ByServer(servers, case)
        groups += [Group(case.name or "", list(case.figures())), *here.groups()]
        still.append(_titles(case.name, [*case.still(), *here.still()]))
        alike.append(_titles(case.name, here.alike()))
    words = [
        _not_drawn("they are 0", still),
        _not_drawn("they are alike at all servers", alike),
        servers.left_out(),
    ]
    html = "".join(paragraph(line, "soft") for line in words if line)
    return Chapter("time", "Over time", html, groups)


def _titles(case: str | None, titles: list[str]) -> str:
    """Return as HTML what is not drawn in a case."""
    return f"{f'in “{name(case)}”' if case else 'throughout'}: {', '.join(titles).lower()}" if titles else ""


def _not_drawn(why: str, by_case: list[str]) -> str:
    found = "; ".join(filter(None, by_case))
    return f"Not drawn, since {why} {found}." if found else ""
