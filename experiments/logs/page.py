"""The page of a site: what was read, what was dropped, and on what evidence."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .codes import meaning
from .log import Log
from .pairing import Pool
from .site import DECISION, Site
from .trace import PROGRAMS_MAX, REPEAT_S, Trace

SHOWN = 20  # rows of a table
COLUMNS_OF_PRODUCTS = ("product", "server", "sessions", "mean in use", "most in use")


class Told(NamedTuple):
    """What the page tells."""

    site: Site
    log: Log
    peaks: Mapping[Pool, int]
    made: Trace


def text(told: Told) -> str:
    """Return the page in Markdown."""
    chapters = (_read, _products, _denials, _capacity, _outages, _trace)
    lines = [line for chapter in chapters for line in (*chapter(told), "")]
    return "\n".join([f"# {_title(told.site)}", "", *lines[:-1]]) + "\n"


def when(site: Site, time_s: float) -> str:
    """Return a time of a site as its clock showed it."""
    shown = datetime.fromisoformat(site.facts["origin"]) + timedelta(seconds=time_s)
    return shown.isoformat(" ", "seconds")


def _title(site: Site) -> str:
    return f"License log from {when(site, 0.0)} to {when(site, site.facts['span_s'])}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield a table of the first rows; the others are counted."""
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from map(_row, rows[:SHOWN])
    if len(rows) > SHOWN:
        yield ""
        yield f"{len(rows) - SHOWN:,} more."


def _row(cells: Sequence[object]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in shown)} |"


def _read(told: Told) -> Iterator[str]:
    yield "## What was read"
    yield ""
    yield from _table(("file", "lines", "SHA-256"), [(f["name"], f["lines"], f["sha256"]) for f in told.log.files])
    yield ""
    yield from _table(("lines", "number"), list(told.log.lines.items()))
    yield ""
    yield from _table(("events", "number"), Counter(told.log.events["kind"]).most_common())
    yield ""
    yield (
        f"{told.made.users:,} clients (a user at a host). "
        f"{told.site.facts['checkins_without_checkout']:,} checkins had no checkout; "
        f"{told.site.facts['held_before_the_log']:,} of these were out when the log began."
    )
    if told.log.unread:
        yield ""
        yield "The first lines that were not understood:"
        yield ""
        yield "```text"
        yield from (f"{file}:{line}: {shown}".replace("```", "'''") for file, line, shown in told.log.unread)
        yield "```"


def _products(told: Told) -> Iterator[str]:
    yield "## Products"
    yield ""
    span_s = told.site.facts["span_s"] or 1.0
    number: Counter[Pool] = Counter()
    used_s: Counter[Pool] = Counter()
    cells = (told.site.sessions[name].to_pylist() for name in ("server", "product", "start_s", "end_s", "count"))
    for server, product, start_s, end_s, count in zip(*cells, strict=True):
        until_s = told.site.facts["span_s"] if end_s is None else end_s
        number[server, product] += 1
        used_s[server, product] += (until_s - start_s) * count
    rows = [
        (pool[1], pool[0], times, f"{used_s[pool] / span_s:.2f}", told.peaks[pool])
        for pool, times in number.most_common()
    ]
    yield from _table(COLUMNS_OF_PRODUCTS, rows)


def _denials(told: Told) -> Iterator[str]:
    yield "## Denials"
    yield ""
    rows = zip(told.log.events["kind"], told.log.events["detail"], strict=True)
    found = Counter((kind, detail) for kind, detail in rows if kind in {"denied", "unsupported"})
    if not found:
        yield "None. Where the options file says NOLOG DENIED, the log has none, whatever happened."
        return
    shown = [(kind, detail or "", meaning(detail), number) for (kind, detail), number in found.most_common()]
    yield from _table(("event", "code", "meaning", "number"), shown)


def _capacity(told: Told) -> Iterator[str]:
    yield "## Licenses"
    yield ""
    rows = told.site.capacity.to_pylist()
    rows.sort(key=lambda row: (row["licenses"] is None, -told.peaks.get((row["server"], row["product"]), 0)))
    shown = [
        (row["product"], row["server"], when(told.site, row["from_s"]), _known(row["licenses"]), row["evidence"])
        for row in rows
    ]
    yield from _table(("product", "server", "from", "licenses", "evidence"), shown)


def _known(licenses: int | None) -> object:
    return "unknown" if licenses is None else licenses


def _outages(told: Told) -> Iterator[str]:
    yield "## Outages"
    yield ""
    rows: list[dict[str, Any]] = told.site.outages.to_pylist()
    if not rows:
        yield "None."
        return
    shown = [
        (when(told.site, row["start_s"]), round(row["end_s"] - row["start_s"]), row["server"], row["evidence"])
        for row in rows
    ]
    yield from _table(("from", "seconds", "server", "evidence"), shown)


def _trace(told: Told) -> Iterator[str]:
    yield "## The trace"
    yield ""
    asked = sum(1 for kind in told.log.events["kind"] if kind in DECISION)
    yield (
        f"{len(told.made.columns['time_s']):,} launches of {asked:,} requests. "
        f"{told.made.unfinished:,} were denied and repeated within {REPEAT_S:.0f} s: they run for no time. "
        "Others that were denied run as long as their product usually does."
    )
    for (server, product), ((_, main), number) in sorted(told.made.companions.items()):
        yield f"- {product} of {server} comes with {main}: {number:,} of its requests are part of those."
    if extra := told.made.clients - told.made.users:
        yield f"- Users with more than {PROGRAMS_MAX} programs at once have further clients: {extra:,}."
