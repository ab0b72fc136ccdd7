"""What is known of the models beside the digit server: their cards and reports, from a model repository."""

import re
from pathlib import Path

from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from digitserve_web.errors import NoDocument

CARD, REPORT = "MODEL_CARD.md", "report.html"
NAME, VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"), re.compile(r"[0-9]{1,18}")
KEPT_S = 60
# A report is a page of its own, with its styles and pictures inside. Nothing in it may run, or ask anyone.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " sandbox; frame-ancestors 'self'"
)
HOW_TO = {
    CARD: "digitserve-train writes it beside each version",
    REPORT: "'digitserve-train evaluate' writes it; copy it beside the version's model.onnx",
}
# Without raw HTML, so that a card can put nothing on the page but text, tables and links.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


class Documents:
    """Serves the cards and reports in a folder of <name>/<version>/, if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def routes(self) -> list[Route]:
        """What is answered here, by path."""
        return [
            Route("/v1/models/{name}/{version}/card", self.card),
            Route("/v1/models/{name}/{version}/report", self.report),
        ]

    def card(self, request: Request) -> Response:
        """The model's card, as a fragment of HTML."""
        return HTMLResponse(MARKDOWN.render(self._text(request, CARD)), headers=_kept())

    def report(self, request: Request) -> Response:
        """The model's report, as a page of its own that can do nothing."""
        headers = _kept() | {"Content-Security-Policy": REPORT_POLICY}
        return HTMLResponse(self._text(request, REPORT), headers=headers)

    def _text(self, request: Request, file: str) -> str:
        name, version = str(request.path_params["name"]), str(request.path_params["version"])
        if self._folder is None:
            raise NoDocument("this service was given no model repository; start it with --models FOLDER")
        if not (NAME.fullmatch(name) and VERSION.fullmatch(version)):
            raise NoDocument(f"{name}/{version} is no name and version of a model, such as digits/2")
        try:
            return (self._folder / name / version / file).read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError) as missing:
            raise NoDocument(f"{name}/{version} has no {file} here; {HOW_TO[file]}") from missing


def _kept() -> dict[str, str]:
    return {"Cache-Control": f"private, max-age={KEPT_S}"}
