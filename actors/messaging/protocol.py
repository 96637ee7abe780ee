"""Which kinds of events go between which agents: code that routes, loses and shares messages asks here.

Every kind in `state/kinds.py` belongs to exactly one of these sorts, or is a timer.
"""

from ..compiled.jit import inlined
from ..state import kinds


@inlined
def is_for_service(kind):
    """Whether a client sends it to a server, where it waits its turn."""
    return kinds.REQUEST <= kind <= kinds.CONNECT


@inlined
def is_for_host(kind):
    """Whether a client's host tells it to a server's, which hears it at once."""
    return kind == kinds.DISCONNECT


@inlined
def is_answer(kind):
    """Whether a server sends it to a client."""
    return kinds.GRANT <= kind <= kinds.CONNECTED


@inlined
def is_balancing(kind):
    """Whether it goes between a site server and a server, or between site servers."""
    return kinds.ASK_REPORT <= kind <= kinds.RENEW


@inlined
def is_notice(kind):
    """Whether a client tells it to an observer: it is no message of the system."""
    return kinds.NOTICE <= kind <= kinds.ORPHANED


@inlined
def is_slot_timer(kind):
    """Whether it is a timer of a client's slot."""
    return kind == kinds.LAUNCH or kind == kinds.END or kind == kinds.ASK_AGAIN or kind == kinds.RELAUNCH


@inlined
def is_failure_answer(kind):
    """Whether it is an answer that does not serve."""
    return kinds.OVERLOADED <= kind <= kinds.REFUSED


@inlined
def may_free(kind):
    """Whether a client's message frees leases and is not answered: it can only have somebody called back."""
    return kind == kinds.RELEASE or is_for_host(kind)


@inlined
def may_be_answered(kind):
    """Whether a message by itself leads to another one."""
    return not may_free(kind) and not is_notice(kind)
