"""Keys that files of earlier versions had, and what says the same now."""

from collections.abc import Mapping

from .wording import show

# Of [clients]: what a denied user did, and the parameter that this had.
ON_DENIAL = {"retry": ("retry_denied_s", "delay_s"), "callback": ("callback_poll_s", "poll_s")}
REPLACED = ("on_denial", *(key for key, _ in ON_DENIAL.values()))


def spelling_now(table: str, key: str, raw: Mapping[str, object]) -> str | None:
    """Return how a table that has an old key is written now; None for a key that was never there."""
    if table != "clients" or key not in REPLACED:
        return None
    name = raw.get("on_denial", "give-up")
    choice = {"name": name}
    if isinstance(name, str) and name in ON_DENIAL:
        old, parameter = ON_DENIAL[name]
        choice |= {parameter: raw[old]} if old in raw else {}
    return "policies.denial = {{ {} }}".format(
        ", ".join(f"{name} = {show(value)}" for name, value in choice.items())
    )
