"""The page that joins the figures and the pictures of a report, in one file."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from digitserve_training.report import gallery
from digitserve_training.report.confusion import Pair
from digitserve_training.report.gallery import Tile
from digitserve_training.report.measures import Answers, Measures
from digitserve_training.report.metrics import Metrics
from digitserve_training.report.model import Model
from digitserve_training.report.stranger_measures import StrangersMeasures
from digitserve_training.report.theme import LIGHT, Chart, png


@dataclass(frozen=True, eq=False)
class Section:
    """One test set; `place` is its name as files and addresses have it."""

    place: str
    answers: Answers
    measures: Measures
    charts: Sequence[Chart]
    pairs: Sequence[tuple[Pair, Sequence[Tile]]]
    mistakes: Sequence[Tile]


@dataclass(frozen=True, eq=False)
class Strange:
    """What is no digit; `passed` of them were not flagged, some of which are in `believed`."""

    measures: StrangersMeasures
    charts: Sequence[Chart]
    believed: Sequence[Tile]
    passed: int


@dataclass(frozen=True, eq=False)
class Page:
    """All that a report shows."""

    model: Model
    metrics: Metrics
    accuracies: Chart
    training: Chart | None
    sections: Sequence[Section]
    strange: Strange | None

    def charts(self) -> Iterator[Chart]:
        """All charts of the page."""
        yield self.accuracies
        if self.training:
            yield self.training
        for section in self.sections:
            yield from section.charts
        if self.strange:
            yield from self.strange.charts

    def mosaics(self) -> Iterator[tuple[str, bytes]]:
        """The galleries as PNG files, by name; the page has single images, which flow with its width."""
        galleries = {f"{section.place}-mistakes": section.mistakes for section in self.sections}
        for section in self.sections:
            galleries[f"{section.place}-pairs-examples"] = [
                tile for _, tiles in section.pairs for tile in tiles
            ]
        galleries["strangers-believed"] = self.strange.believed if self.strange else ()
        for name, tiles in galleries.items():
            if tiles:
                yield name, png(partial(gallery.mosaic, tiles), LIGHT)


def page(made: Page) -> str:
    """The HTML: everything inside it, nothing fetched from anywhere."""
    environment = Environment(
        loader=PackageLoader("digitserve_training.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["address"] = _address
    return environment.get_template("report.html.jinja").render(page=made)


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
