"""Users and hosts: one name for one person, whatever the case, and a pseudonym for it."""

import re

FORMAT_WORDS = frozenset(
    {"OUT", "IN", "DENIED", "UNSUPPORTED", "QUEUED", "DEQUEUED", "DENY", "INUSE", "PRODUCT", "START", "licenses"}
)
WORD = re.compile(r"\w+")
SHOWN = 160  # letters of a line
WORD_MAX = 1 + max(map(len, FORMAT_WORDS))


class Names:
    """Users and hosts as they are told: u1, u2 and h1, h2 in order of appearance, or as they are."""

    def __init__(self, keeps: bool) -> None:
        self._keeps = keeps
        self.user = _Aliases("u", keeps).__getitem__
        self.host = _Aliases("h", keeps).__getitem__

    def line(self, text: str) -> str:
        """Return a line that was not understood; unless names are kept, only the format's own words are."""
        shown = text[: SHOWN + WORD_MAX]  # a line may be as long as a file; masks are as long as words
        return printable((shown if self._keeps else WORD.sub(_masked, shown))[:SHOWN])


def printable(text: str) -> str:
    """Return a text of a file as a terminal may have it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class _Aliases(dict[str, str]):
    """What stands for each name, by the name as written; a new one gets the next."""

    def __init__(self, sort: str, keeps: bool) -> None:
        self._sort, self._keeps = sort, keeps
        self._folded: dict[str, str] = {}

    def __missing__(self, text: str) -> str:
        key = text.strip().casefold()
        name = self._folded.setdefault(key, key if self._keeps else f"{self._sort}{len(self._folded) + 1}")
        self[text] = name
        return name


def _masked(match: re.Match[str]) -> str:
    word = match[0]
    return word if word in FORMAT_WORDS else re.sub(r"[^\W\d]", "x", re.sub(r"\d", "9", word))
