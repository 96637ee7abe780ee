"""Users and hosts: one name for one person, whatever the case, and a pseudonym for it."""

import re

FORMAT_WORDS = frozenset(
    {"OUT", "IN", "DENIED", "UNSUPPORTED", "QUEUED", "DEQUEUED", "DENY", "INUSE", "PRODUCT", "START", "licenses"}
)
WORD = re.compile(r"\w+")
SHOWN = 160  # letters of a line


class Names:
    """Users and hosts as they are told: u1, u2 and h1, h2 in order of appearance, or as they are."""

    def __init__(self, keeps: bool) -> None:
        self._keeps = keeps
        self._known: dict[str, dict[str, str]] = {"u": {}, "h": {}}  # by sort and name as written
        self._folded: dict[str, dict[str, str]] = {"u": {}, "h": {}}

    def user(self, text: str) -> str:
        """Return what stands for a user."""
        return self._known["u"].get(text) or self._new("u", text)

    def host(self, text: str) -> str:
        """Return what stands for a host."""
        return self._known["h"].get(text) or self._new("h", text)

    def line(self, text: str) -> str:
        """Return a line that was not understood; unless names are kept, only the format's own words are."""
        shown = text if self._keeps else WORD.sub(_masked, text)
        return shown[:SHOWN]

    def _new(self, sort: str, text: str) -> str:
        folded, key = self._folded[sort], text.strip().casefold()
        name = folded.setdefault(key, key if self._keeps else f"{sort}{len(folded) + 1}")
        self._known[sort][text] = name
        return name


def _masked(match: re.Match[str]) -> str:
    word = match[0]
    return word if word in FORMAT_WORDS else re.sub(r"[^\W\d]", "x", re.sub(r"\d", "9", word))
