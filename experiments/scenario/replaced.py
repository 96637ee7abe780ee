"""Keys that files of earlier versions used, and what replaces them now."""

from collections.abc import Mapping

from .wording import show

OLD_TABLE = "clients"
# What a denied user did, and the parameter that this had.
ON_DENIAL = {"retry": ("retry_denied_s", "delay_s"), "callback": ("callback_poll_s", "poll_s")}
NAMED_BY = {old: name for name, (old, _) in ON_DENIAL.items()}  # by a parameter alone
REPLACED = ("on_denial", *NAMED_BY)


def spelling_now(table: str, key: str, raw: Mapping[str, object]) -> str | None:
    """Return how a table that has an old key is written now; None for a key that was never there."""
    if table != OLD_TABLE or key not in REPLACED:
        return None
    name = raw.get("on_denial", NAMED_BY.get(key))
    if name not in ("give-up", *ON_DENIAL):
        return 'policies.denial = { name = "give-up" }, { name = "retry" } or { name = "callback" }'
    choice: dict[str, object] = {"name": name}
    if name in ON_DENIAL:
        old, parameter = ON_DENIAL[str(name)]
        choice |= {parameter: raw[old]} if old in raw else {}
    return "policies.denial = {{ {} }}".format(
        ", ".join(f"{parameter} = {show(value)}" for parameter, value in choice.items())
    )
