"""The tables of a report in Markdown, for a pull request."""

from ..drawing.figure import Figure, Table
from ..reports.sweep import in_markdown
from .chapters import Report
from .markup import words


def text(report: Report) -> str:
    """Return the verdict and the tables of a report in Markdown, those of its main figures included."""
    parts = [f"# {in_markdown(report.title)}\n\n{in_markdown(words(report.verdict))}\n"]
    parts += [_table(figure.title, figure.table) for figure in _main(report)]
    parts += [_table(title, content) for title, content in report.tables()]
    return "\n".join(parts)


def _main(report: Report) -> list[Figure]:
    """Return the figures whose tables are short: all but those over time."""
    chapters = [chapter for chapter in report.chapters if chapter.mark != "time"]
    return [figure for chapter in chapters for group in chapter.groups for figure in group.figures]


def _table(title: str, content: Table) -> str:
    rows = [content.heads, ["---"] * len(content.heads), *content.rows]
    lines = [f"| {' | '.join(cell if row is rows[1] else in_markdown(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"## {in_markdown(title)}", "", *lines, ""])
