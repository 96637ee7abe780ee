"""meterstorm whatif: a site's log once more, with other licenses, rules, servers or outages."""

import math
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import WRONG_INPUT, announce_compilation, fail, fail_to_write, make_folder, output, print_warning
from .logs import SiteFolder
from .options import Folder, Settings, at_least_one, count, overrides_in, parse_seconds

if TYPE_CHECKING:
    from ..whatif.question import Question

RESAMPLES_MIN = 200
Seconds = str | None
Product = Annotated[
    str | None, typer.Option(metavar="NAME", help="A product, or SERVER/PRODUCT; default: all that were denied.")
]


def whatif_command(
    folder: SiteFolder,
    product: Product = None,
    seats: Annotated[str | None, typer.Option(metavar="N,N,...", help="Numbers of licenses to try.")] = None,
    timeout: Annotated[
        Seconds, typer.Option(metavar="TIME", help="Sessions end after this time, as if idle since: 30m, 2h.")
    ] = None,
    cap: Annotated[str, typer.Option(metavar="N", help="Most licenses of a user; 0: any number.")] = "0",
    denial: Annotated[
        str | None,
        typer.Option(
            help="What denied users do: as-logged, give-up, constant-retry or callback; default: as-logged."
        ),
    ] = None,
    delay: Annotated[
        str, typer.Option(metavar="TIME", help="Until a user asks again, of constant-retry.")
    ] = "60s",
    patience: Annotated[
        Seconds,
        typer.Option(metavar="TIME", help="How long a user asks again, of constant-retry; default: for ever."),
    ] = None,
    servers: Annotated[
        str, typer.Option(metavar="K", help="Servers that share the licenses, on the engine.")
    ] = "1",
    outages: Annotated[
        str,
        typer.Option(metavar="as-logged|none|FACTOR", help="none, or so many times as long: on the engine."),
    ] = "as-logged",
    settings: Settings = None,
    target: Annotated[float, typer.Option(metavar="SHARE", help="Share of launches that may be denied.")] = 0.01,
    window: Annotated[
        str, typer.Option(metavar="TIME", help="A denial is none if its user has a license within this time.")
    ] = "5m",
    resamples: Annotated[str, typer.Option(metavar="N", help="Resamples of days, for intervals.")] = "400",
    out: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")] = False,
) -> None:
    """Replay a site's launches with other licenses, rules, servers or outages: who is denied, what is needed.

    By the exact oracle: a request is granted if and only if in use + asked for <= licenses. With --servers,
    --outages or --set, on the engine: then denied users poll (constant-retry) unless --denial says otherwise.
    Intervals are by a bootstrap over days.
    """
    on_engine = servers != "1" or outages != "as-logged" or bool(settings)
    question = _question(
        product=product,
        seats=[at_least_one("--seats", part.strip()) for part in seats.split(",")] if seats else [],
        target=_share(target),
        window_s=_seconds("--window", window),
        resamples=_resamples(resamples),
        rules={
            "denial": _denial(denial, on_engine),
            "cap": count("--cap", cap),
            "timeout_s": _seconds("--timeout", timeout),
            "delay_s": _seconds("--delay", delay),
            "patience_s": _seconds("--patience", patience),
        },
        place=_place(servers, outages, settings) if on_engine else None,
    )
    if out is not None:
        make_folder(out)
    _answer(folder, question, out, as_json)


def _answer(folder: Path, question: "Question", out: Path | None, as_json: bool) -> None:
    from ..logs.site import read_site
    from ..pages import report
    from ..reports.summary import to_json
    from ..scenario import ScenarioError
    from ..whatif import question as asking
    from ..whatif import results

    if question.place is not None:
        announce_compilation()
    try:
        with nullcontext(str(out)) if out else TemporaryDirectory() as scenarios:
            found = list(asking.ask(read_site(folder), question, Path(scenarios)))
    except (ScenarioError, ValueError) as error:
        fail(WRONG_INPUT, str(error))
    told = to_json(results.content(question, found))
    if out is not None:
        try:
            results.write(out, found, told)
            report.write(out)
        except OSError as error:
            fail_to_write(error, out)
    for line in dict.fromkeys(line for one in found for line in one.warnings):
        print_warning(line)
    if as_json:
        print(told)
    else:
        results.show(output(), question, found)


def _question(rules: dict[str, Any], **asked: Any) -> "Question":
    from ..whatif.oracle import Rules
    from ..whatif.question import Question

    return Question(Rules(owned=(), **rules), **asked)


def _denial(given: str | None, on_engine: bool) -> str:
    """Return what denied users do; on the engine they cannot do as they did in the log."""
    from ..whatif.oracle import DENIALS, LOGGED, RETRY

    allowed = [name for name in DENIALS if name != LOGGED] if on_engine else list(DENIALS)
    chosen = given or (RETRY if on_engine else LOGGED)
    if chosen not in allowed:
        where = " on the engine" if on_engine else ""
        fail(WRONG_INPUT, f"--denial {chosen}: must be {', '.join(allowed[:-1])} or {allowed[-1]}{where}")
    return chosen


def _place(servers: str, outages: str, settings: list[str] | None) -> Any:
    from ..whatif.engine import Place

    return Place(at_least_one("--servers", servers), _factor(outages), overrides_in(settings, {}))


def _factor(outages: str) -> float:
    """Return how many times as long outages are as they were."""
    words = {"as-logged": 1.0, "none": 0.0}
    try:
        found = words[outages] if outages in words else float(outages)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        fail(WRONG_INPUT, f"--outages {outages}: must be as-logged, none or a number >= 0: times as long")
    return found


def _seconds(option: str, text: str | None) -> float:
    """Return the seconds that an option gives, without end if it is left out; or end the command."""
    try:
        return math.inf if text is None else parse_seconds(text)
    except ValueError as error:
        fail(WRONG_INPUT, f"{option}: {error}")


def _share(target: float) -> float:
    if not 0 <= target < 1:
        fail(WRONG_INPUT, f"--target {target:g}: must be a number >= 0 and < 1")
    return target


def _resamples(text: str) -> int:
    found = count("--resamples", text)
    if found < RESAMPLES_MIN:
        fail(WRONG_INPUT, f"--resamples {found}: must be {RESAMPLES_MIN} or more")
    return found
