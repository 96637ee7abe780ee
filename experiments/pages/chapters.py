"""What a report says, before it is a page: chapters of words, figures and tables."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..drawing.figure import Figure, Key, Table
from .markup import figures, name, paragraph, section, table
from .page import Part, page


class Group(NamedTuple):
    """Figures beside each other, under a heading and what is said of all of them, if anything is."""

    heading: str
    figures: Sequence[Figure]
    words: str = ""


class Chapter(NamedTuple):
    """A section: words, then groups of figures, then tables."""

    mark: str
    title: str
    html: str = ""
    groups: Sequence[Group] = ()
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
            for group in chapter.groups:
                yield from group.figures

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Yield the tables of the chapters, those beside figures left out."""
        for chapter in self.chapters:
            yield from chapter.tables


def _part(chapter: Chapter) -> Part:
    shown = [_group(group) for group in chapter.groups if group.figures]
    shown += [table(content, words, f"sorts {chapter.mark}") for words, content in chapter.tables]
    return Part(chapter.mark, chapter.title, section(chapter.mark, chapter.title, [chapter.html, *shown]))


def _group(group: Group) -> str:
    heading = f"<h3>{name(group.heading)}</h3>" if group.heading else ""
    words = paragraph(name(group.words), "soft") if group.words else ""
    return heading + words + figures(group.figures)
