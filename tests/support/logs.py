"""Logs whose truth is known: a small license server plays a story, which is then written in each format."""

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from meterstorm.experiments.logs import importing
from meterstorm.experiments.logs.site import Site

BEGIN = datetime(2024, 3, 1, 22, 0, 0)
DAEMON = "vendord"


class Happening(NamedTuple):
    time: datetime
    kind: str
    product: str = ""
    user: str = ""
    host: str = ""
    count: int = 1
    handle: int = 0


class Story(NamedTuple):
    happenings: list[Happening]
    sessions: list[tuple[Any, ...]]  # start_s, end_s, product, user, host, count


class Restart(NamedTuple):
    """When a server stops, and when it is back; without a word it just falls silent."""

    stop: datetime
    start: datetime
    says_so: bool


def story(
    seed: int,
    licenses: int = 3,
    users: int = 7,
    days: float = 2.5,
    counts: Sequence[int] = (1,),
    restarts: Sequence[Restart] = (),
) -> Story:
    """Users who ask for one of two products, hold it for a while, and ask again; all decisions are exact."""
    rng = random.Random(seed)
    end = BEGIN + timedelta(days=days)
    told = [Happening(BEGIN, "start")]
    open_, free = {}, {"editor": licenses, "mesher": licenses}
    done: list[tuple[Any, ...]] = []
    serial = iter(range(10**9))
    due: list[tuple[datetime, int, str, Any]] = []

    def later(time: datetime, mean_s: float, what: str, who: Any) -> None:
        heapq.heappush(
            due, (time + timedelta(seconds=1 + int(rng.expovariate(1 / mean_s))), next(serial), what, who)
        )

    for user in range(users):
        later(BEGIN, 3600, "ask", user)
    for restart in restarts:
        heapq.heappush(due, (restart.stop, -1, "restart", restart))
    while due and due[0][0] < end:
        time, _, what, who = heapq.heappop(due)
        if what == "restart":
            last = told[-1].time
            told += [Happening(time, "stop")] if who.says_so else []
            for row in open_.values():
                done.append((row.time, time if who.says_so else last, *row[2:6]))
            open_, free = {}, {"editor": licenses, "mesher": licenses}
            told.append(Happening(who.start, "start"))
            waiting = [one for one in due if one[2] == "restart"]
            due[:] = waiting
            heapq.heapify(due)
            for user in range(users):
                later(who.start, 3600, "ask", user)
        elif what == "back":
            row = open_.pop(who)
            free[row.product] += row.count
            told.append(row._replace(time=time, kind="in"))
            done.append((row.time, time, *row[2:6]))
            later(time, 3600, "ask", who)
        else:
            product, count = rng.choice(sorted(free)), rng.choice(counts)
            row = Happening(time, "out", product, f"user{who}", f"pc{who % 3}", count, next(serial))
            if free[product] >= count:
                free[product] -= count
                open_[who] = row
                told.append(row)
                later(time, 5400, "back", who)
            else:
                told.append(row._replace(kind="denied"))
                later(time, 900, "ask", who)
    done += [(row.time, None, *row[2:6]) for row in open_.values()]
    return Story(told, sorted(((_seconds(a), b and _seconds(b), *rest) for a, b, *rest in done), key=_open_last))


def _open_last(session: tuple[Any, ...]) -> tuple[Any, ...]:
    begin_s, end_s, *rest = session
    return begin_s, end_s is None, end_s or 0.0, *rest


def _seconds(time: datetime) -> float:
    return (time - BEGIN).total_seconds()


def flexnet(happenings: Iterable[Happening]) -> list[str]:
    """A FlexNet debug log of them: the manager says the day every five hours."""
    found: list[str] = []
    stamped = None
    for row in happenings:
        while stamped and row.time - stamped >= timedelta(hours=5):
            stamped += timedelta(hours=5)
            found.append(said(stamped, f"TIMESTAMP {day(stamped)}", "lmgrd"))
        found += [banner(row.time), said(row.time, "FlexNet Licensing version v11.19.1")] * (row.kind == "start")
        if row.kind == "start":
            stamped = row.time
        elif row.kind == "stop":
            found.append(said(row.time, "EXITING DUE TO SIGNAL 15"))
        else:
            found.append(said(row.time, of_user(row)))
    return found


def clock(time: datetime) -> str:
    return f"{time.hour:2}:{time:%M:%S}"


def day(time: datetime) -> str:
    return f"{time.month}/{time.day}/{time.year}"


def said(time: datetime, message: str, daemon: str = DAEMON) -> str:
    return f"{clock(time)} ({daemon}) {message}"


def banner(time: datetime) -> str:
    return said(time, f"FlexNet Licensing (v11.19.1 build 1) started on lic1 (linux) ({day(time)})", "lmgrd")


def of_user(row: Happening) -> str:
    count = f"  ({row.count} licenses)" if row.count > 1 else "  "
    why = "  (Licensed number of users already reached. (-4,342))" if row.kind == "denied" else ""
    return f'{row.kind.upper()}: "{row.product}" {row.user}@{row.host}{count}{why} '


def rlm(happenings: Iterable[Happening], licenses: int) -> list[str]:
    """An RLM report log of them."""
    found = ["RLM Report Log Format 0, version 14.1, authenticated"]
    for row in happenings:
        full, short = f"{row.time:%m/%d/%Y %H:%M:%S}", f"{row.time:%m/%d %H:%M:%S}"
        who = f'{row.user} {row.host} "" {row.count}'
        found += {
            "start": [f"START lic1 {full}", *(f"PRODUCT {p} 1.0 1 {licenses} 0 0" for p in ("editor", "mesher"))],
            "stop": [f"SHUTDOWN root lic1 {short}"],
            "out": [f'OUT {row.product} 1.0 1 {who} 0 0 {row.handle:x} 0 77 "" "{row.product}" "1.0" {short}'],
            "in": [f"IN 1 {row.product} 1.0 {who} 0 0 {row.handle:x} {short}"],
            "denied": [f"DENY {row.product} 1.0 {who} -22 1 77 {short}"],
        }[row.kind]
    return found


def plain(happenings: Iterable[Happening]) -> list[str]:
    """A CSV file of them."""
    rows = (
        f"{row.time.isoformat()},{row.kind},{row.product},{row.user},{row.host},{row.count}" for row in happenings
    )
    return ["time,kind,product,user,host,count", *rows]


def write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def site_of(folder: Path, lines: Sequence[str], kind: str = "flexnet", keeps_names: bool = True) -> Site:
    """The site of a log with these lines."""
    return importing.site_of(kind, [write(folder / "debug.log", lines)], keeps_names)


def sessions_of(site: Site) -> list[tuple[Any, ...]]:
    names = ("start_s", "end_s", "product", "user", "host", "count")
    return sorted((tuple(row[name] for name in names) for row in site.sessions.to_pylist()), key=_open_last)


def events_of(site: Site, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in site.events.to_pylist()]


def times_of(site: Site) -> list[datetime]:
    """When events were, by the server's clock."""
    origin = datetime.fromisoformat(site.facts["origin"])
    return [origin + timedelta(seconds=time_s) for time_s in site.events["time_s"].to_pylist()]


def every(step: timedelta, begin: datetime, end: datetime) -> Iterator[datetime]:
    while begin < end:
        yield begin
        begin += step
