"""Files from anywhere: broken, hostile, or only unusual."""

import contextlib
import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_client import InvalidImage, UnreadablePicture
from digitserve_client.imaging import prepare, read_picture
from digitserve_client.pages.reading import start
from digitserve_client.pictures import picture_size
from numpy.typing import NDArray
from PIL import Image
from unit.client.pictures import encoded

ELL = np.full((60, 60), 230, np.uint8)
ELL[10:50, 27:33] = ELL[44:50, 27:45] = 20


def png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG that says it is so large, whatever the rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


GREY = Image.fromarray(ELL)
OTHER = GREY.point(lambda level: 255 - level)
NOISE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (200, 200), np.uint8))
HOSTILE = {
    "10,000 million pixels in 80 bytes": (png(100_000, 100_000, b"\0"), "more pixels than are decoded"),
    "50,000 px wide": (png(50_000, 2, b"\0" * 100_002), "too long a side: 50000x2 px"),
    "50,000 px high": (png(2, 50_000, b"\0" * 150_000), "too long a side: 2x50000 px"),
    "png cut short": (encoded(NOISE)[:2000], "can be decoded"),
    "gif cut short": (encoded(NOISE, "GIF")[:2000], "can be decoded"),
    "tiff cut short": (encoded(NOISE, "TIFF")[:2000], "not a picture"),
    "webp cut short": (encoded(NOISE, "WEBP")[:2000], "not a picture"),
    "moving gif": (encoded(GREY, "GIF", save_all=True, append_images=[OTHER]), "an animation"),
    "moving png": (encoded(GREY, "PNG", save_all=True, append_images=[OTHER]), "an animation"),
    "tiff of two pages": (encoded(GREY, "TIFF", save_all=True, append_images=[OTHER]), "several pages"),
    "postscript, a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "known format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "known format"),
    "anything": (np.random.default_rng(7).bytes(5000), "known format"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_hostile_file_is_refused(name: str) -> None:
    content, problem = HOSTILE[name]
    with pytest.raises(UnreadablePicture, match=f"^the picture in memory: .*{problem}"):
        prepare(content)


@pytest.mark.parametrize("place", range(0, 700, 50))
def test_a_damaged_file_is_a_picture_or_refused(place: int) -> None:
    for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        content = bytearray(encoded(GREY, form))
        content[place % len(content) : place % len(content) + 4] = b"\xff\x00\xff\x7f"
        with contextlib.suppress(UnreadablePicture):
            assert prepare(bytes(content)).image.shape == (28, 28)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("read", [prepare, start], ids=["as a digit", "as a page"])
def test_broken_exif_does_not_make_a_picture_broken(form: str, read: Callable[[bytes], object]) -> None:
    read(encoded(GREY, form, exif=b"Exif\0\0no TIFF header"))


def exif(orientation: int, unit: str) -> bytes:
    """How a picture lies, and the unit of its resolution, which is to be a number."""
    how = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    of_what = struct.pack("<HHI4s", 0x0128, *((2, 4, b"odd") if unit == "text" else (3, 1, b"\2")))
    return b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, 2) + how + of_what + bytes(4)


UNDONE_BY = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # of each orientation, by Pillow's numbers


def lying(orientation: int, upright: Image.Image) -> Image.Image:
    """The picture as a camera stores it that is held so."""
    return upright.transpose(Image.Transpose(UNDONE_BY[orientation])) if orientation > 1 else upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("unit", ["a number", "text"])
def test_a_picture_stands_upright_whatever_else_its_exif_says(orientation: int, unit: str) -> None:
    upright = Image.fromarray(np.hstack([ELL, np.full((60, 20), 230, np.uint8)]))
    content = encoded(lying(orientation, upright), exif=exif(orientation, unit))
    np.testing.assert_array_equal(read_picture(content), np.asarray(upright))
    assert picture_size(content) == (60, 80)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("scale", [1, 20])
def test_a_picture_of_any_form_and_size_stands_upright(orientation: int, form: str, scale: int) -> None:
    upright = Image.fromarray(np.hstack([ELL, np.full((60, 20), 230, np.uint8)]))
    upright = upright.resize((80 * scale, 60 * scale))
    tag = Image.Exif()
    tag[0x0112] = orientation
    content = encoded(lying(orientation, upright), form, exif=tag)
    assert picture_size(content) == (60 * scale, 80 * scale)
    seen = Image.fromarray(read_picture(content)).resize((80, 60))
    wanted = np.asarray(upright.resize((80, 60)), np.float32)
    assert np.abs(np.asarray(seen, np.float32) - wanted).mean() < 10


def test_a_picture_of_a_caller_stays_as_large_as_it_is() -> None:
    photo = Image.open(io.BytesIO(encoded(GREY.resize((4000, 3000)), "JPEG")))
    prepare(photo)
    assert photo.size == (4000, 3000)
    assert picture_size(photo) == (3000, 4000)


def test_a_picture_that_was_closed_says_so(tmp_path: Path) -> None:
    GREY.save(tmp_path / "ell.png")
    with Image.open(tmp_path / "ell.png") as picture:
        pass
    with pytest.raises(UnreadablePicture, match="was it closed before it was loaded"):
        prepare(picture)


def test_a_pipe_is_read_as_a_page_too(tmp_path: Path) -> None:
    for content, problem in ((encoded(GREY), None), (b"none", "not a picture of a known format")):
        pipe = tmp_path / f"{len(content)}.png"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        with pytest.raises(UnreadablePicture, match=problem) if problem else contextlib.nullcontext():
            start(pipe)
        writer.join()


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2000), (2000, 1), (2, 3), (5, 900), (39, 41), (20_000, 2), (3000, 1), (6000, 2)]
)
@pytest.mark.parametrize("kind", ["black", "white", "noise", "stripe", "strokes"])
def test_a_picture_of_any_shape_and_content_is_prepared(shape: tuple[int, int], kind: str) -> None:
    pixels = np.full(shape, 255 * (kind in ("white", "strokes")), np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    if kind == "stripe":
        pixels[:, shape[1] // 2 :] = 255
    if kind == "strokes":
        piece = max(1, shape[0] // 7)
        for first in range(0, 7 * piece, 2 * piece):
            pixels[first : first + piece] = 0
    assert prepare(pixels).image.shape == (28, 28)
    start(pixels)


def shown(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return prepare(pixels).image


@pytest.mark.parametrize(
    "pixels",
    [
        ELL.astype(np.uint16) * 257,
        ELL / 255,
        (ELL / 255).astype(np.float32),
        (ELL / 255).astype(np.float16),
        np.repeat(ELL[..., None], 3, axis=2),
        ELL[..., None],
        np.dstack([ELL, ELL, ELL, np.full_like(ELL, 255)]),
        np.asfortranarray(ELL),
        np.repeat(np.repeat(ELL, 2, 0), 2, 1)[::2, ::2],
        ELL > 127,
        ELL.astype(">u2"),
    ],
    ids=["uint16", "float64", "float32", "float16", "RGB", "channel", "RGBA", "F", "strided", "bool", ">u2"],
)
def test_an_array_is_taken_as_the_picture_it_is(pixels: NDArray[Any]) -> None:
    differs = np.abs(shown(pixels).astype(int) - shown(ELL)).sum() / shown(ELL).sum()
    assert differs < 0.02


def test_of_a_masked_array_the_pixels_are_taken() -> None:
    digit = shown(ELL)
    assert np.array_equal(shown(np.ma.masked_less(digit, 128)), digit)


@pytest.mark.parametrize(
    ("pixels", "came"),
    [
        (ELL.ravel(), r"of shape \(3600,\); wanted: \(H, W\)"),
        (np.zeros((2, 60, 60)), r"of shape \(2, 60, 60\)"),
        (np.zeros((0, 60)), "60x0 px"),
        (ELL.astype(np.int64), "of int64 from 20 to 230; wanted: uint8"),
        (ELL.astype(np.float32), "of float32 from 20 to 230"),
        (np.full((9, 9), np.nan), "of float64 from nan"),
        (np.full((9, 9), None), "of object; wanted: uint8"),
        (np.full((9, 9), "0"), "of <U1; wanted: uint8"),
        (np.zeros((2, 30_000), np.uint8), "too long a side"),
    ],
)
def test_an_array_of_another_kind_is_refused(pixels: NDArray[Any], came: str) -> None:
    with pytest.raises(UnreadablePicture, match=f"^the array: .*{came}"):
        prepare(pixels)


@pytest.mark.parametrize("source", [io.BytesIO(b""), bytearray(b"x"), ["a.png"], 7, None], ids=type)
@pytest.mark.parametrize("read", [prepare, start], ids=["as a digit", "as a page"])
def test_what_is_no_picture_at_all_is_refused(read: Callable[[Any], object], source: Any) -> None:
    with pytest.raises(InvalidImage, match=r"^got .*; wanted: a picture: a path, the bytes of a file"):
        read(source)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 30), (250, 240, 60)])
def test_ink_on_nothing_is_ink_whatever_its_colour(colour: tuple[int, int, int]) -> None:
    drawn = np.zeros((60, 60, 4), np.uint8)
    drawn[..., :3], drawn[..., 3] = colour, np.where(ELL < 127, 255, 0)
    assert np.abs(shown(drawn).astype(int) - shown(ELL)).sum() / shown(ELL).sum() < 0.02


@pytest.mark.parametrize("paper", [1, 255])
def test_a_level_of_grey_that_is_transparent_is_paper(paper: int) -> None:
    picture = Image.fromarray(np.where(ELL < 128, 0, paper).astype(np.uint8))
    found = prepare(encoded(picture, transparency=paper))
    assert np.array_equal(found.image, shown(np.where(ELL < 128, 0, 255).astype(np.uint8)))


@pytest.mark.parametrize("ink", [(40, 40, 200), (200, 40, 40), (30, 120, 40)])
def test_coloured_ink_is_as_full_as_black(ink: tuple[int, int, int]) -> None:
    coloured = np.where(ELL[..., None] < 127, ink, (235, 230, 215)).astype(np.uint8)
    assert np.abs(shown(coloured).astype(int) - shown(ELL)).sum() / shown(ELL).sum() < 0.02


def test_a_picture_without_colours_has_one_channel() -> None:
    assert read_picture(np.repeat(ELL[..., None], 3, axis=2)).shape == (60, 60)
    assert read_picture(encoded(GREY.convert("RGB"))).shape == (60, 60)
