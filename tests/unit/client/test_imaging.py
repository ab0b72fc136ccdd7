"""Pictures of a digit, drawn here, and what the model gets to see of them."""

import contextlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_client import UnreadablePicture
from digitserve_client.imaging import read_picture, to_mnist
from digitserve_client.imaging.form import in_form
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from unit.client.pictures import difference, encoded

FIVE = [(78, 12), (30, 12), (26, 45), (55, 40), (74, 58), (66, 82), (40, 92), (18, 82)]


def drawn(
    side_px: int = 200,
    *,
    ink: int = 30,
    paper: int = 230,
    stroke_px: float | None = None,
    at: tuple[int, int] = (0, 0),
    digit_px: int | None = None,
) -> Image.Image:
    """A five of `digit_px` in a square picture."""
    scale = (digit_px or side_px) / 100
    picture = Image.new("L", (side_px, side_px), paper)
    points = [(at[0] + x * scale, at[1] + y * scale) for x, y in FIVE]
    width = round(stroke_px or 11 * scale)
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return picture


def with_ramp(picture: Image.Image, darkest: float) -> NDArray[np.float64]:
    """Lit from the left: on the right `darkest` of the light is left."""
    return np.asarray(picture, np.float64) * np.linspace(1, darkest, picture.width)


def pixels(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


CLEAN = to_mnist(drawn())


def test_it_has_the_form_of_mnist() -> None:
    assert CLEAN.shape == (28, 28)
    assert CLEAN.dtype == np.uint8
    assert CLEAN.max() == 255
    assert CLEAN[0].max() == CLEAN[:, 0].max() == 0
    rows, columns = np.flatnonzero(CLEAN.any(1)), np.flatnonzero(CLEAN.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    ink = CLEAN / CLEAN.sum()
    assert abs(float(ink.sum(1) @ np.arange(28)) - 14) <= 0.51
    assert abs(float(ink.sum(0) @ np.arange(28)) - 14) <= 0.51


def test_it_is_upright_and_not_mirrored() -> None:
    top = CLEAN[4:9]
    assert CLEAN[:8, 10:].sum() > 0
    assert top[:, :14].sum() > 0
    lower_left, lower_right = CLEAN[14:20, :13].sum(), CLEAN[14:20, 15:].sum()
    assert lower_right > 3 * lower_left, "the belly of a five is on the right"


def test_it_leaves_a_digit_of_mnist_as_it_is() -> None:
    assert difference(to_mnist(Image.fromarray(CLEAN)), CLEAN) < 0.05


@pytest.mark.parametrize(("ink", "paper"), [(230, 30), (0, 255), (255, 0), (100, 140), (60, 20)])
def test_dark_on_light_and_light_on_dark_are_the_same(ink: int, paper: int) -> None:
    assert difference(to_mnist(drawn(ink=ink, paper=paper)), CLEAN) < 0.01


@pytest.mark.parametrize("side_px", [60, 100, 600, 1500, 3000])
def test_size_does_not_matter(side_px: int) -> None:
    assert difference(to_mnist(drawn(side_px)), CLEAN) < 0.15


@pytest.mark.parametrize("at", [(20, 20), (25, 80), (180, 180), (97, 3)])
def test_place_does_not_matter(at: tuple[int, int]) -> None:
    somewhere = to_mnist(drawn(300, digit_px=100, at=at))
    assert difference(somewhere, to_mnist(drawn(300, digit_px=100, at=(100, 100)))) < 0.1


@pytest.mark.parametrize("stroke_px", [2, 4, 8, 16])
def test_a_fine_pen_is_made_as_bold_as_the_model_knows_it(stroke_px: int) -> None:
    written = to_mnist(drawn(400, stroke_px=stroke_px))
    assert 0.6 < written.sum() / CLEAN.sum() < 1.4
    assert written.max() == 255


@pytest.mark.parametrize("darkest", [0.7, 0.4])
def test_light_from_one_side_is_no_ink(darkest: float) -> None:
    assert difference(to_mnist(pixels(with_ramp(drawn(), darkest))), CLEAN) < 0.12


def test_the_texture_of_paper_is_no_ink() -> None:
    noise = np.random.default_rng(7).normal(0, 8, (200, 200))
    assert difference(to_mnist(pixels(np.asarray(drawn()) + noise)), CLEAN) < 0.12


def test_specks_are_left_out() -> None:
    dirty = drawn(400, digit_px=200, at=(150, 150))
    brush = ImageDraw.Draw(dirty)
    for x, y in [(10, 10), (390, 20), (30, 370)]:
        brush.rectangle((x, y, x + 5, y + 5), fill=30)
    clean = to_mnist(drawn(400, digit_px=200, at=(150, 150)))
    assert difference(to_mnist(dirty), clean) < 0.01


def test_a_five_in_two_strokes_keeps_its_hat() -> None:
    broken = drawn()
    ImageDraw.Draw(broken).rectangle((40, 45, 75, 60), fill=230)
    assert difference(to_mnist(broken), CLEAN) < 0.35


@pytest.mark.parametrize("kind", ["str", "Path", "bytes", "image"])
def test_a_picture_may_come_in_many_ways(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "five.png"
    path.write_bytes(encoded(drawn()))
    sources: dict[str, Any] = {"str": str(path), "Path": path, "bytes": path.read_bytes(), "image": drawn()}
    np.testing.assert_array_equal(to_mnist(sources[kind]), CLEAN)


def coloured(mode: str) -> Image.Image:
    if mode == "RGBA":
        clear = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
        clear.paste((0, 0, 60, 255), mask=drawn(ink=255, paper=0))
        return clear
    if mode == "I;16":
        return Image.fromarray(np.asarray(drawn(), np.uint16) * 16)  # 12 bits of 16
    if mode == "F":
        return Image.fromarray(np.asarray(drawn(), np.float32) / 255)
    return drawn(ink=0, paper=255).convert(mode)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F"]
)
def test_every_mode_is_read(mode: str) -> None:
    picture = coloured(mode)
    assert picture.mode == mode
    before = picture.tobytes()
    assert difference(to_mnist(picture), CLEAN) < 0.02
    assert picture.tobytes() == before, "the caller's picture is the caller's"


@pytest.mark.parametrize(
    ("form", "limit"), [("JPEG", 0.1), ("GIF", 0.05), ("BMP", 0), ("WEBP", 0.1), ("TIFF", 0)]
)
def test_every_format_is_read(form: str, limit: float) -> None:
    assert difference(to_mnist(encoded(drawn(), form)), CLEAN) <= limit


def test_a_palette_may_be_transparent() -> None:
    picture = drawn(ink=0, paper=255).convert("P")
    clear = picture.getpixel((0, 0))
    assert difference(to_mnist(encoded(picture, transparency=clear)), CLEAN) < 0.01


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)],
)
def test_a_camera_held_sideways(orientation: int, turn: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = encoded(drawn().transpose(turn), "JPEG", exif=exif, quality=95)
    assert difference(to_mnist(photo), CLEAN) < 0.1


def test_a_black_frame_is_no_reason_to_stumble() -> None:
    framed = Image.new("L", (240, 240), 0)
    framed.paste(drawn(), (20, 20))
    assert to_mnist(framed).any()


def test_a_large_photo_is_reduced_when_it_is_read() -> None:
    photo = read_picture(encoded(drawn(3000).resize((3000, 1500)), "JPEG"))
    assert photo.dtype == np.uint8
    assert photo.shape == (500, 1000)


BLANK = {
    "white": pixels(np.full((50, 50), 255.0)),
    "black": pixels(np.zeros((50, 50))),
    "one pixel": pixels(np.full((1, 1), 99.0)),
    "shaded": pixels(with_ramp(Image.new("L", (200, 200), 230), 0.5)),
    "noise": pixels(np.random.default_rng(7).normal(200, 6, (200, 200))),
    "faint": drawn(ink=222, paper=230),
    "clear": Image.new("RGBA", (50, 50), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_picture_is_refused(name: str) -> None:
    with pytest.raises(UnreadablePicture, match="the PIL image: no digit in it: the picture is blank"):
        to_mnist(BLANK[name])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7 hello", "a PDF; pictures are wanted"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"GIF", "not a picture of a known format"),
        (encoded(drawn())[:500], "cannot|can be decoded"),
        (encoded(drawn(), "JPEG")[:900], "can be decoded"),
    ],
    ids=["empty", "pdf", "heic", "anything", "png cut short", "jpeg cut short"],
)
def test_what_is_no_picture_is_refused_by_its_name(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "scan-17.png"
    path.write_bytes(content)
    with pytest.raises(UnreadablePicture, match=problem) as refused:
        to_mnist(path)
    assert refused.value.source == str(path)
    assert str(refused.value).startswith(str(path))
    with pytest.raises(UnreadablePicture, match=f"^the picture in memory: .*{problem}"):
        to_mnist(content)


def test_no_ink_at_all_is_a_blank_image() -> None:
    assert not in_form(np.zeros((30, 20), np.float32)).any()


@pytest.mark.parametrize("side_px", [40, 100])
@pytest.mark.parametrize("form", ["bytes", "image"])
def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch, side_px: int, form: str) -> None:
    picture = drawn(side_px)
    bomb = encoded(picture) if form == "bytes" else picture
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("default" if side_px == 100 else "error")
        with pytest.raises(UnreadablePicture, match="more pixels than are decoded"):
            to_mnist(bomb)


def test_a_bomb_of_which_pillow_only_warns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = encoded(drawn(40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(Image.DecompressionBombWarning), pytest.raises(UnreadablePicture, match="40x40 px"):
        to_mnist(bomb)


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(UnreadablePicture, match="0x5 px"):
        to_mnist(Image.new("L", (0, 5)))


def test_a_file_that_is_not_there_is_an_ordinary_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        to_mnist(tmp_path / "nothing.png")
    with pytest.raises(IsADirectoryError):
        to_mnist(tmp_path)


def test_a_picture_of_two_levels_that_are_nearly_one_is_no_crash() -> None:
    grey = np.full((40, 40), 200, np.uint8)
    grey[10:30, 18:22] = 187
    grey[12:28, 19:21] = 186
    with contextlib.suppress(UnreadablePicture):
        assert to_mnist(Image.fromarray(grey)).shape == (28, 28)
