"""What must hold of groups of clients, except for what each of them sets (`check.py`)."""

from collections.abc import Iterator
from itertools import accumulate

from meterstorm.actors.setup.group_sizes import REST, sizes

from .facts import Facts, ItemRule
from .groups import GROUPS_MAX
from .wording import refuse, show

SAMPLES_MAX = 1_000_000  # of the time series, of all groups together


def groups_are_bounded(facts: Facts) -> Iterator[str]:
    """Yield an error for more groups, or for more samples of theirs, than there is room for."""
    groups, sample_s, duration_s = facts["groups"], facts["run.sample_s"], facts["run.duration_s"]
    if len(groups) > GROUPS_MAX:
        yield f"groups: {len(groups)} of them are not allowed; at most {GROUPS_MAX}"
    elif groups and duration_s / sample_s * (len(groups) + 2) > SAMPLES_MAX:
        least = duration_s * (len(groups) + 2) / SAMPLES_MAX
        yield refuse("run.sample_s", sample_s, f"at least {least:g}: each of {len(groups)} groups has its samples")


def groups_have_room(facts: Facts) -> Iterator[str]:
    """Yield an error for the first group that has no client, and for the first for which none are left."""
    clients = facts["clients.count"]
    wanted = [(group["share"], group["count"]) for group in facts["groups"]]
    if any((share is None) == (count is None) for share, count in wanted):
        return
    found = sizes(wanted, clients)
    for index, (share, size) in enumerate(zip((share for share, _ in wanted), found, strict=True)):
        if size == 0:
            words = f"enough for a client or more (clients.count = {clients})"
            yield refuse(f"groups[{index}].share", share, words)
    for index, total in enumerate(accumulate(found)):
        if total > clients:
            key, value = ("share", wanted[index][0]) if wanted[index][1] is None else ("count", wanted[index][1])
            left = clients - total + found[index]
            yield refuse(f"groups[{index}].{key}", value, f"for at most the {left} clients left of {clients}")
            return


def names_of(facts: Facts) -> list[str]:
    """Return the names of the groups, and the rest where groups leave any; none where there are no groups."""
    groups = facts["groups"]
    left = facts["clients.count"] - sum(
        sizes([(group["share"], group["count"]) for group in groups], facts["clients.count"])
    )
    return [*(group["name"] for group in groups), *([REST] if groups and left > 0 else [])]


def _has_share_or_count(path: str, group: Facts, _: Facts) -> Iterator[str]:
    share, count = group["share"], group["count"]
    if share is None and count is None:
        yield f"{path}: share or count missing; one of them says how many clients it has"
    elif share is not None and count is not None:
        yield refuse(f"{path}.count", count, f"left out while share = {show(share)}, or share must be")


def _name_is_free(path: str, group: Facts, _: Facts) -> Iterator[str]:
    if group["name"] == REST:
        yield refuse(f"{path}.name", REST, "another name: the clients of no group have this one")


GROUP_RULES: tuple[ItemRule, ...] = (_has_share_or_count, _name_is_free)
