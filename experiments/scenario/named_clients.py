"""What must hold when a fault, or a reservation, names only some of the clients."""

from collections.abc import Iterator, Sequence

from .facts import Facts
from .group_rules import names_of
from .values import OfGroup
from .wording import a_name_of, refuse

GROUP_NAMES = (
    "names of groups"  # among the facts: of those of the whole scenario, while it is looked at as one has it
)


def clients_exist(path: str, clients: object, facts: Facts) -> Iterator[str]:
    """Yield an error where some clients are not there: the first and the last, or the group, that name them."""
    count = facts["clients.count"]
    if isinstance(clients, tuple) and not clients[0] <= clients[1] < count:
        words = f"[first, last] with 0 <= first <= last <= {count - 1} (clients.count = {count})"
        yield refuse(path, clients, words)
    elif isinstance(clients, OfGroup) and clients.group not in (names := known_groups(facts)):
        yield refuse(f"{path}.group", clients.group, a_name_of("a group that has clients", clients.group, names))


def known_groups(facts: Facts) -> Sequence[str]:
    """Return the names of the groups that have clients, the rest among them."""
    return facts[GROUP_NAMES] if GROUP_NAMES in facts else names_of(facts)
