"""How hard a page is to read."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What may happen to a page; amounts are drawn evenly from 0 to the number given, or are chances.

    height_px: of the digits, from and to. tilt_degrees: either way. perspective: how far corners move, of the
    page's width. shade: of the light that is missing in the darkest corner. noise: a standard deviation, in
    grey levels. blur_px: the sigma. ink: grey levels of the faintest ink. touching: pairs of neighbours
    that touch. broken: digits with a gap in a stroke. reach: digits that run into the lines around them.
    specks: on a page. jpeg: the lowest quality; 0 for none. desk: the sheet lies on something
    dark, and all of it is seen.
    """

    name: str
    height_px: tuple[int, int]
    tilt_degrees: float
    perspective: float
    shade: float
    noise: float
    blur_px: float
    ink: int
    touching: float
    broken: float
    reach: float
    specks: int
    jpeg: int
    desk: bool = False


EASY = Grade(
    name="easy",
    height_px=(34, 60),
    tilt_degrees=1,
    perspective=0,
    shade=0.1,
    noise=2,
    blur_px=0.4,
    ink=50,
    touching=0,
    broken=0,
    reach=0,
    specks=0,
    jpeg=0,
)
MEDIUM = Grade(
    name="medium",
    height_px=(32, 60),
    tilt_degrees=6,
    perspective=0.01,
    shade=0.4,
    noise=5,
    blur_px=0.8,
    ink=90,
    touching=0.05,
    broken=0.03,
    reach=0.05,
    specks=20,
    jpeg=80,
)
HARD = Grade(
    name="hard",
    height_px=(30, 64),
    tilt_degrees=15,
    perspective=0.03,
    shade=0.65,
    noise=8,
    blur_px=1.1,
    ink=120,
    touching=0.12,
    broken=0.06,
    reach=0.15,
    specks=60,
    jpeg=55,
)
CLOSE_UP = Grade(
    name="close-up",
    height_px=(20, 2850),
    tilt_degrees=6,
    perspective=0.02,
    shade=0.5,
    noise=5,
    blur_px=1.0,
    ink=120,
    touching=0,
    broken=0,
    reach=0,
    specks=0,
    jpeg=60,
)
PHOTO = replace(MEDIUM, name="photo", perspective=0.06, desk=True)
GRADES = (EASY, MEDIUM, HARD, PHOTO)
