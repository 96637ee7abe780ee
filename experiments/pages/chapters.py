"""What a report says, before it is a page: chapters of words, figures and tables."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..drawing.figure import Figure, Key, Table
from .markup import figures, name, section, table
from .page import Part, page


class Chapter(NamedTuple):
    """A section: words, then figures under their headings, then tables."""

    mark: str
    title: str
    html: str = ""
    figures: Sequence[tuple[str, Sequence[Figure]]] = ()
    tables: Sequence[tuple[str, Table]] = ()


class Report(NamedTuple):
    """A title, a sentence that says what was found (HTML), the arms that can be switched off, and the chapters."""

    title: str
    verdict: str
    arms: Sequence[Key]
    chapters: Sequence[Chapter]

    def html(self) -> str:
        """Return it as one page."""
        return page(self.title, self.verdict, self.arms, [_part(chapter) for chapter in self.chapters])

    def figures(self) -> Iterator[Figure]:
        """Yield all figures, in order."""
        for chapter in self.chapters:
            for _, found in chapter.figures:
                yield from found

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Yield the tables of the chapters, those beside figures left out."""
        for chapter in self.chapters:
            yield from chapter.tables


def _part(chapter: Chapter) -> Part:
    shown = [f"{_heading(heading)}{figures(found)}" for heading, found in chapter.figures if found]
    shown += [table(content, words, f"sorts {chapter.mark}") for words, content in chapter.tables]
    return Part(chapter.mark, chapter.title, section(chapter.mark, chapter.title, [chapter.html, *shown]))


def _heading(words: str) -> str:
    return f"<h3>{name(words)}</h3>" if words else ""
