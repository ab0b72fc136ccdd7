"""The doubtful ones for a person to look at: copies in a folder, and a sheet that shows them all."""

import base64
import functools
import html
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from PIL import Image

from digitserve_client.errors import InvalidImage
from digitserve_client.paths import STDIN
from digitserve_client.pictures import MAX_SIDE_PX, read_picture
from digitserve_client.record import Row
from digitserve_client.results import percent

SHEET = "index.html"
THUMB_PX = 192
COPY = re.compile(r'<a class="picture" href="([0-9]{4,}-[^"/]+)">')
MARGIN = 0.35  # of a string's height, around it
HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>To check</title>
<style>
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif; }
body { margin: 24px; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px; }
figure { margin: 0; padding: 12px; border: 1px solid #8886; border-radius: 12px; display: grid; gap: 8px; }
.picture { display: grid; place-items: center; height: 160px; background: #8882; border-radius: 8px; }
img { max-width: 100%; max-height: 160px; }
img.small { image-rendering: pixelated; width: 140px; height: 140px; object-fit: contain; }
b { font-size: 2rem; line-height: 1; margin-right: 8px; }
small { display: block; overflow-wrap: anywhere; opacity: .75; }
</style>
<h1>To check</h1>
"""


class NotOurs(ValueError):
    """A folder with a sheet that this command did not write."""


def left_in(folder: Path) -> list[Path]:
    """The sheet and the copies of a former run. Raises NotOurs where the sheet is somebody else's."""
    if not (folder / SHEET).exists():
        return []
    sheet = (folder / SHEET).read_text(encoding="utf-8", errors="replace")
    if not sheet.startswith(HEAD):
        raise NotOurs(f"{folder} has an {SHEET} that this command did not write; another folder is wanted")
    names = (unquote(link, errors="surrogateescape") for link in COPY.findall(sheet))
    return [folder / SHEET, *(folder / Path(name).name for name in names)]


def write_review(folder: Path, doubtful: Iterable[Row], stdin: bytes | None = None) -> int:
    """Copies the pictures of doubtful rows into the folder, with a sheet that shows them; how many there are.

    Of a page only the string in doubt is copied. What cannot be decoded is named, with the reason. The sheet
    of a former run and its copies are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in left_in(folder):
        file.unlink(missing_ok=True)
    count = 0
    with (folder / SHEET).open("w", encoding="utf-8", errors="replace") as sheet:
        sheet.write(HEAD + "<main>\n")
        for count, row in enumerate(doubtful, 1):
            sheet.writelines(_figure(folder, count, row, stdin))
        sheet.write("</main>\n")
    return count


def _figure(folder: Path, number: int, row: Row, stdin: bytes | None) -> Iterator[str]:
    answer = row.get("digit") or row.get("text") or ""
    name = f"{number:04}-{answer.replace('/', '-') or 'none'}-{Path(row['picture']).stem[:80]}"
    source = stdin if row["picture"] == STDIN and stdin is not None else row["picture"]
    yield "<figure>"
    try:
        image, copy = _taken(source, folder / name, row)
    except (InvalidImage, OSError):
        yield '<div class="picture">not a picture</div>'
    else:
        kind = ' class="small"' if max(image.size) < THUMB_PX / 2 else ""
        alt = html.escape(f"{row['picture']}, read as {answer or 'nothing'}")
        img = f'<img{kind} alt="{alt}" src="{_inline(image)}">'
        yield f'<a class="picture" href="{quote(os.fsencode(copy.name), safe="")}">{img}</a>'
    yield f"<figcaption><b>{html.escape(answer) or '?'}</b>{_confidence(row)}"
    for note in (row["picture"], row.get("warnings", "").replace("_", " "), row["error"]):
        yield f"<small>{html.escape(note)}</small>" if note else ""
    yield "</figcaption></figure>\n"


def _taken(source: str | bytes, copy: Path, row: Row) -> tuple[Image.Image, Path]:
    """The picture, or the string of it, for the sheet; and the copy that it is of."""
    if isinstance(source, str) and not Path(source).is_file():
        raise FileNotFoundError(source)  # it is gone, or was a pipe, which would wait for ever
    if row.get("string"):
        image = _cropped(_page(source), row)
        copy = copy.with_name(copy.name + ".png")
        image.save(copy)
        return image, copy
    image = Image.fromarray(read_picture(source, THUMB_PX))
    if isinstance(source, bytes):
        copy.write_bytes(source)
        return image, copy
    copy = copy.with_name(copy.name + Path(source).suffix)
    shutil.copyfile(source, copy)
    return image, copy


@functools.lru_cache(1)  # strings of one page come one after the other
def _page(source: str | bytes) -> Image.Image:
    return Image.fromarray(read_picture(source, MAX_SIDE_PX))


def _cropped(image: Image.Image, row: Mapping[str, str]) -> Image.Image:
    left, top, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
    around = MARGIN * height
    box = (left - around, top - around, left + width + around, top + height + around)
    x, right = _within(box[0], box[2], image.width)
    y, bottom = _within(box[1], box[3], image.height)
    return image.crop((x, y, right, bottom))


def _within(start: float, end: float, side_px: int) -> tuple[int, int]:
    """At least 1 px inside of the picture: a sheet that is seen in part may reach beyond it."""
    first = min(max(0, round(start)), side_px - 1)
    return first, max(first + 1, min(side_px, round(end)))


def _confidence(row: Mapping[str, str]) -> str:
    return html.escape(percent(float(row["confidence"]))) if row["confidence"] else ""


def _inline(image: Image.Image) -> str:
    image.thumbnail((2 * THUMB_PX, THUMB_PX))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
