"""Pages read back: the names that no page may take for markup, and what an HTML parser finds."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from meterstorm.experiments.cli import execution
from meterstorm.experiments.runs.options import Options
from meterstorm.experiments.scenario import validate

HOSTILE = ["</script><img src=x onerror=alert(1)>", "wide" * 75, "يدفع [x] שלום \"'&"]
FAULT = {"kind": "unreachable", "servers": [0], "start_s": 300.0, "duration_s": 300.0}
SETTING: dict[str, Any] = {
    "title": "</style></script><script>alert(1)</script> & שלום",
    "run": {"duration_s": 1500.0, "warmup_s": 100.0, "replications": 3},
    "clients": {"count": 30},
    "workload": {"launch_interval_s": 60.0, "run_time_s": 120.0},
    "servers": {"count": 2},
    "products": [{"name": "editor", "licenses": 12}],
    "faults": [FAULT],
    "arms": [{"name": name, "set": {"servers.service_ms": 50.0 * n}} for n, name in enumerate(HOSTILE, 1)],
    "cases": [{"name": "as is"}, {"name": "<i>calm</i>", "set": {"faults": []}}],
}


def written(folder: Path, setting: dict[str, Any] = SETTING) -> Path:
    """The folder of a run of a setting, with its report."""
    options = Options(out=folder, name="written", workers=0)
    return execution.finish(validate(setting), options, lambda share: None).folder


class Found(HTMLParser):
    """The elements of a page with their attributes, in order, and the text of each kind of element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for kind, attributes in self.elements if kind == tag]
