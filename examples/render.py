"""Draw the example pictures again: a simulated pen writes digits on simulated paper.

`letterforms.toml` says which way the pen moves, `pictures.toml` who holds which pen over which paper.
The same seed gives the same files, byte for byte, with the Pillow and numpy of our locks.
"""

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

HERE = Path(__file__).parent
SUPERSAMPLING = 4
COS_40, SIN_40 = 0.766, 0.643
Floats = NDArray[np.float64]
Colour = tuple[float, float, float]  # red, green, blue, 0 to 1


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How someone writes; lengths in heights of the digit."""

    slant: float = 0.0  # x gained per height climbed
    aspect: float = 1.0  # of the width
    turn_deg: float = 0.0  # of the baseline, clockwise
    wobble: float = 0.012  # how far the pen misses the points of the letterform
    tremor: float = 0.002  # how far it strays in between
    rounding: float = 0.03  # how much of a corner is cut
    flick: float = 0.3  # how much thinner a stroke ends than it began


@dataclass(frozen=True, kw_only=True)
class Pen:
    """What the hand holds: the shape of its tip, and how its ink lies on the paper."""

    colour: Colour
    opaque: bool = False  # chalk covers the paper, ink lets it through
    flatness: float = 0.0  # 0: a round tip, towards 1: a broad nib held at 40 degrees
    swell: float = 0.2  # how much wider a slow line is than a fast one
    pool: float = 0.5  # how much more ink a slow line gets
    width: float = 0.08  # of the line, in heights of the digit
    load: float = 2.5  # depth of the ink at an average pace
    grain: float = 0.2  # how much of the paper's tooth shows through
    edge: float = 0.5  # how softly the ink ends


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What is written on, and the light it lies in; strengths are parts of full white."""

    colour: Colour
    noise: float = 0.01
    texture: float = 0.0
    texture_px: tuple[float, float] = (3, 3)
    light: float = 0.0  # from the brightest to the darkest part
    dust: float = 0.0  # wiped chalk
    lines: float = 0.0
    pitch_px: float = 40
    grid: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file: a letterform, who writes it with what on what, where on the sheet, and how it is saved."""

    name: str
    form: str
    hand: str
    pen: str
    paper: str
    size_px: tuple[int, int]
    height: float = 0.65  # of the digit, in heights of the picture
    centre: tuple[float, float] = (0.5, 0.5)  # of the digit, in sizes of the picture
    blur_px: float = 0.0
    mode: Literal["RGB", "L", "RGBA"] = "RGB"
    colours: int | None = None  # the fewer, the smaller the file


def evenly(path: Floats, count: int) -> Floats:
    """The same path through `count` points at equal distances."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(at, length, axis) for axis in path.T])


def spline(points: Floats, steps: int = 32) -> Floats:
    """A uniform Catmull-Rom spline through `points`, evenly spaced along its length."""
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return evenly(np.vstack([curve.swapaxes(0, 1).reshape(-1, 2), points[-1:]]), 200)


def smooth(values: Floats, window: int) -> Floats:
    """A moving average along the first axis, narrower towards the ends, which stay where they are."""
    at = np.arange(len(values))
    half = np.minimum(np.minimum(at, at[::-1]), window // 2)
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    return np.asarray(((total[at + half + 1] - total[at - half]).T / (2 * half + 1)).T)


def written(points: list[list[float]], hand: Hand, rng: Generator) -> Floats:
    """The stroke as this hand writes it this time, 200 points, the digit still upright and 1 high."""
    aim = np.array(points)
    corners = np.append(False, (aim[1:] == aim[:-1]).all(axis=1))
    miss = rng.normal(0, hand.wobble, aim.shape)
    miss[corners] = miss[np.roll(corners, -1)]
    path = smooth(spline(aim + miss), int(200 * hand.rounding))
    drift = spline(rng.normal(0, hand.wobble / 2, (6, 2)))
    tremor = smooth(smooth(rng.normal(0, hand.tremor * 4, path.shape), 9), 15)
    return path + drift + tremor


def posed(path: Floats, hand: Hand) -> Floats:
    """The path with the hand's proportions, slanted, and turned with its baseline."""
    angle = np.deg2rad(hand.turn_deg)
    shape = np.array([[hand.aspect, -hand.slant], [0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(path @ (turn @ shape).T)


def slowness(path: Floats) -> Floats:
    """How slowly the pen goes, from -1 to about 1: hands slow down in bends and where they set out."""
    across, down = np.gradient(path, axis=0).T
    bend = np.abs(np.gradient(np.unwrap(np.arctan2(down, across))))
    set_out = np.minimum(1, 0.4 + np.arange(len(path)) / 20)
    return 1.2 - 2 * smooth(set_out / (1 + 15 * bend), 15)


def clouds(rng: Generator, shape: tuple[int, int], cell_px: tuple[float, float]) -> Floats:
    """Smooth noise, 0 to 1, with features of about `cell_px` (x, y)."""
    cells = int(shape[0] / cell_px[1]) + 2, int(shape[1] / cell_px[0]) + 2
    coarse = Image.fromarray(rng.integers(0, 256, cells, dtype=np.uint8))
    return np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC), np.float64) / 255


def as_image(values: Floats) -> Image.Image:
    """Values from 0 to 1 as 8 bits a channel."""
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def deposit(canvas: Floats, touch: Floats, flatness: float) -> None:
    """Add the ink of one touch of the tip to the canvas, in place."""
    x, y, radius, amount = touch
    left, top = max(int(x - radius), 0), max(int(y - radius), 0)
    window = canvas[top : int(y + radius) + 2, left : int(x + radius) + 2]
    down, right = np.ogrid[: window.shape[0], : window.shape[1]]
    down, right = down + (top - y), right + (left - x)
    along, across = right * COS_40 - down * SIN_40, right * SIN_40 + down * COS_40
    window += amount * (along**2 + (across / (1 - flatness)) ** 2 < radius**2)


def touches(path: Floats, tip_px: float, pen: Pen, hand: Hand, rng: Generator) -> Floats:
    """Where the tip touches the paper, and how: rows of x, y, radius, amount of ink."""
    count = int(np.hypot(*np.diff(path, axis=0).T).sum() / max(tip_px / 8, 0.7))
    x, y, slow = evenly(np.column_stack([path, slowness(path)]), count).T
    radius = tip_px * (1 + pen.swell * slow) * (1 - hand.flick * np.linspace(0, 1, count) ** 6)
    flow = smooth(rng.normal(1, 0.5, count), 15).clip(0)
    return np.column_stack([x, y, radius, pen.load / 16 * (1 + pen.pool * slow) * flow])


def ink(strokes: list[Floats], picture: Picture, pen: Pen, hand: Hand, rng: Generator) -> Floats:
    """The depth of ink everywhere on the supersampled sheet; strokes are in its pixels."""
    canvas = np.zeros([side * SUPERSAMPLING for side in reversed(picture.size_px)])
    tip_px = pen.width * picture.height * picture.size_px[1] * SUPERSAMPLING / 2
    for path in strokes:
        for touch in touches(path, tip_px, pen, hand, rng):
            deposit(canvas, touch, pen.flatness)
    return canvas


def coverage(depth: Floats, line_px: float, pen: Pen, rng: Generator) -> Floats:
    """How much of each final pixel the ink covers: grain lets the paper's tooth through."""
    cell = SUPERSAMPLING * max(1.1, line_px / 10)
    fine, coarse = clouds(rng, depth.shape, (cell, cell)), clouds(rng, depth.shape, (cell * 4, cell * 4))
    tooth = pen.grain * (0.7 * fine + 0.3 * coarse)
    covered = np.clip((1 - np.exp(-depth) - tooth) / pen.edge, 0, 1)
    height, width = (side // SUPERSAMPLING for side in depth.shape)
    return np.asarray(covered.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING).mean(axis=(1, 3)))


def smears(rng: Generator, shape: tuple[int, int]) -> Floats:
    """What a cloth leaves of wiped chalk, 0 to 1: long soft streaks, aslant."""
    side = int(np.hypot(*shape)) + 1
    streaks = as_image(clouds(rng, (side, side), (side / 2, side / 16)))
    aslant = streaks.rotate(rng.uniform(10, 40), Image.Resampling.BILINEAR)
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    return np.asarray(aslant, np.float64)[top : top + shape[0], left : left + shape[1]] / 255


def lit(rng: Generator, shape: tuple[int, int]) -> Floats:
    """Light from one side with a soft shadow or two, -1 to 1."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    shadow = clouds(rng, shape, (shape[1] / 2, shape[0] / 2)) * 2 - 1
    return np.asarray(0.4 * (x * np.cos(angle) + y * np.sin(angle)) + 0.4 * shadow)


def ruling(paper: Paper, shape: tuple[int, int]) -> Floats:
    """1 on the printed lines, 0 between them."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    rows, columns = (y + 9) % paper.pitch_px < 1.5, (x + 14) % paper.pitch_px < 1.5
    return (rows | (columns & paper.grid)).astype(np.float64)


def sheet(paper: Paper, shape: tuple[int, int], rng: Generator) -> Floats:
    """The empty paper, height x width x 3, 0 to 1."""
    tone = (
        paper.noise * (clouds(rng, shape, (1, 1)) - 0.5)
        + paper.texture * (clouds(rng, shape, paper.texture_px) - 0.5)
        + paper.dust * smears(rng, shape) * (0.6 + 0.4 * clouds(rng, shape, (2, 2)))
        + paper.light / 2 * lit(rng, shape)
    )
    printed = paper.lines * ruling(paper, shape)[..., None] * (0.8, 0.5, 0.3)
    return np.asarray(np.array(paper.colour) + tone[..., None] - printed).clip(0, 1)


def inked(ground: Floats, cover: Floats, pen: Pen) -> Floats:
    """Paper seen through ink, or covered by chalk."""
    if pen.opaque:
        return ground + cover[..., None] * (np.array(pen.colour) - ground)
    return np.asarray(ground * np.array(pen.colour) ** cover[..., None])


@dataclass(frozen=True)
class Desk:
    """Everything there is to write: the letterforms, hands, pens and papers by name, and the pictures."""

    forms: dict[str, Any]
    hands: dict[str, Hand]
    pens: dict[str, Pen]
    papers: dict[str, Paper]
    pictures: list[Picture]


def load_desk() -> Desk:
    """Read the two TOML files beside this one."""
    tables = tomllib.loads((HERE / "pictures.toml").read_text())
    return Desk(
        forms=tomllib.loads((HERE / "letterforms.toml").read_text()),
        hands={name: Hand(**table) for name, table in tables["hands"].items()},
        pens={name: Pen(**table) for name, table in tables["pens"].items()},
        papers={name: Paper(**table) for name, table in tables["papers"].items()},
        pictures=[Picture(**table) for table in tables["pictures"]],
    )


def placed(strokes: list[Floats], picture: Picture) -> list[Floats]:
    """The strokes in supersampled pixels, scaled and moved to where the picture wants the digit."""
    low, high = np.min(np.vstack(strokes), axis=0), np.max(np.vstack(strokes), axis=0)
    size = np.array(picture.size_px) * SUPERSAMPLING
    scale = picture.height * size[1] / (high - low)[1]
    return [(path - (low + high) / 2) * scale + size * picture.centre for path in strokes]


def draw(picture: Picture, desk: Desk, rng: Generator) -> Image.Image:
    """Write one digit on one sheet."""
    hand, pen, paper = desk.hands[picture.hand], desk.pens[picture.pen], desk.papers[picture.paper]
    form = desk.forms[picture.name[0]][picture.form]
    strokes = placed([posed(written(points, hand, rng), hand) for points in form], picture)
    line_px = pen.width * picture.height * picture.size_px[1]
    cover = coverage(ink(strokes, picture, pen, hand, rng), line_px, pen, rng)
    if picture.mode == "RGBA":  # a drawing program's: ink alone, without the paper
        return as_image(np.dstack([np.broadcast_to(pen.colour, (*cover.shape, 3)), cover]))
    return developed(as_image(inked(sheet(paper, cover.shape, rng), cover, pen)), picture)


def developed(image: Image.Image, picture: Picture) -> Image.Image:
    """The picture as a camera or a scanner hands it over."""
    image = image.filter(ImageFilter.GaussianBlur(picture.blur_px)).convert(picture.mode)
    if picture.colours is None:
        return image
    few = image.quantize(picture.colours, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    return few.convert("L") if picture.mode == "L" else few


def main() -> None:
    """Render every picture of `pictures.toml`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other strokes of the same hands")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write into")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    desk = load_desk()
    for picture in desk.pictures:  # a generator each: a new picture leaves the others as they are
        rng = np.random.default_rng([arguments.seed, *picture.name.encode()])
        draw(picture, desk, rng).save(arguments.out / picture.name, optimize=True, quality=80)
        print(picture.name)


if __name__ == "__main__":
    main()
