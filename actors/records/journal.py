"""The journal of a run, kept on request: every event in the total order, and what its agent did about it.

A HANDLED row is an event at the moment its agent handles it. The rows after it, up to the next HANDLED one, are
its effects: messages SENT, or LOST on the way, what a client's policies DECIDED (`kind` is the action, `target`
the server that failed or denied, `value` the kind of failure, BEFORE_REQUEST or DENIAL, `attempt` what was in
flight) and where it MOVED (`target` is the server; `value` 1: without a failure). Rows are those of JOURNAL; times
are ns since the start of the simulation.
"""

from typing import Any

import numpy as np
from meterstorm.policies.denial import ASK_AGAIN, ASK_NEXT, AWAIT_CALLBACK
from meterstorm.policies.failover import BEFORE_REQUEST, FAIL_OVER, GIVE_UP, GO_OFFLINE, RETRY, WAIT

from ..compiled.jit import inlined, jit
from ..state import kinds
from ..state.events import FOREIGN

HANDLED, SENT, LOST, DECIDED, MOVED = range(5)
DENIAL = 0  # beside the kinds of failure; who just gives up decides nothing
WHAT = ("handled", "sent", "lost", "decided", "moved")

FIRST_ROWS = 1 << 14

KIND_WORDS = {
    number: name.lower().replace("_", " ")
    for name, number in vars(kinds).items()
    if name.isupper() and isinstance(number, int)
}
ACTION_WORDS = {
    RETRY: "retry",
    FAIL_OVER: "fail over",
    GO_OFFLINE: "go offline",
    GIVE_UP: "give up",
    WAIT: "wait",
    ASK_AGAIN: "ask again",
    ASK_NEXT: "ask the next server",
    AWAIT_CALLBACK: "await a callback",
}
OCCASION_WORDS = {DENIAL: "after a denial", BEFORE_REQUEST: "before a request"}
CLIENT, SERVER, SITE_SERVER, OBSERVER = AGENT_WORDS = ("client", "server", "site server", "observer")
_DETAILS = ("slot", "program", "product", "attempt", "value", "flag")


@inlined
def note(world, what, letter, time, serial):
    """Enter a row about a letter, if a journal is kept."""
    if world.journal.size > 0:
        _enter(world, what, letter, time, serial)


@jit
def _enter(world, what, letter, time, serial):
    control = world.control[0]
    row = world.journal[control.journaled]
    control.journaled += 1
    row.what = what
    row.kind = letter.kind
    row.time = time
    row.serial = serial
    row.source = letter.source
    row.target = letter.target
    row.slot = letter.slot
    row.program = letter.program
    row.product = letter.product
    row.attempt = letter.attempt
    row.value = letter.value
    row.flag = letter.flag & ~FOREIGN
    if control.stepping != 0:
        control.horizon = 0  # the loop looks at it before the next event


def first_difference(a: Any, b: Any) -> int | None:
    """Return the first row in which two journals differ, the end of the shorter one included, or None."""
    shorter = min(len(a), len(b))
    different = a[:shorter] != b[:shorter]
    if different.any():
        return int(np.argmax(different))
    return None if len(a) == len(b) else shorter


def describe(row: Any, clients: int, servers: int, sites: int = 1, origin: int = 0) -> str:
    """Return a row in words; its time is that since `origin` (ns since the start of the simulation)."""
    what = int(row["what"])
    kind = KIND_WORDS.get(int(row["kind"]), str(row["kind"]))
    source, target = (agent(int(row[end]), clients, servers, sites) for end in ("source", "target"))
    when = f"{(int(row['time']) - origin) / 1e9:.9f} s"
    if what == DECIDED:
        occasion = OCCASION_WORDS.get(int(row["value"]), "after a failure")
        action = ACTION_WORDS.get(int(row["kind"]), kind)
        return f"{when}  {source} decided to {action} {occasion} at {target}"
    if what == MOVED:
        return f"{when}  {source} moved to {target}"
    details = ", ".join(f"{name} {row[name]}" for name in _DETAILS)
    if source == target:
        return f"{when}  {target}: {kind} ({details})"
    if what == HANDLED:
        return f"{when}  {target} handled {kind} of {source} ({details})"
    return f"{when}  {source} {WHAT[what]} {kind} to {target} ({details})"


def agent(number: int, clients: int, servers: int, sites: int) -> str:
    """Return an agent's kind and its number among those of its kind."""
    if number < clients:
        return f"{CLIENT} {number}"
    if number < clients + servers:
        return f"{SERVER} {number - clients}"
    role, site = divmod(number - clients - servers, sites)
    name = (SITE_SERVER, OBSERVER)[role]
    return f"the {name}" if sites == 1 else f"{name} {site}"
