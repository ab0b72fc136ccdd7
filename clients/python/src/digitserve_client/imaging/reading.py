"""Several accounts of one picture, and the one that leaves least unexplained."""

import cv2
import numpy as np

from digitserve_client.imaging.grey import Grey, Mask, grain, smoothed, thumbnail
from digitserve_client.imaging.ink import Reading, read
from digitserve_client.imaging.paper import even_grounds, has_dark_ink, local_ground
from digitserve_client.imaging.parts import SMALL_SIDE_PX

QUICK_SIDE_PX, WORKING_SIDE_PX = 256, 768  # larger pictures are reduced first, to the one or the other
LARGE_PX = 50  # a digit that keeps so many px, of which 20 are left in the end, has lost nothing
COARSE_GRAIN = 4.0  # grey levels: paper, or print, that is blurred before it is read
GRAIN_PX = 1.0  # the blur
CLEAR = 0.06  # doubt below which no other account is asked for
CLEAR_IF_SMALL = 0.25  # CLEAR of a picture that may have been cropped to the ink
DOUBTFUL = 0.3  # doubt above which a picture that is blank by the likelier account is taken for blank
BOLD = 60.0  # grey levels: ink that stands out so much is no texture; half of it, where nothing is doubtful
FAINT = 20.0  # BOLD of the likeliest account: a pencil has that, light on blank paper hardly
SAME = 1.0  # grey levels: grounds that differ less lead to the same account
BETTER = 0.5  # another account is preferred if it has at most so much of the doubt,
AS_FULL = 0.2  # and at least so much of the contrast
ALIKE = 0.2  # what only one account takes for ink is ink, if its depth differs from the ink's by less
SHEET_SHARE = 0.12  # of the picture: a sheet of paper that lies on something else is larger
RECTANGLE = 0.9  # of the smallest box around it: a sheet fills at least so much of it
SHEET_EDGE = 0.03  # of a sheet's shorter side is left out at its edges


def read_ink(grey: Grey) -> Reading | None:
    """The digit's ink in a picture; None when it is blank."""
    quick = thumbnail(grey, QUICK_SIDE_PX)
    reading = _read_ink(quick)
    if quick is grey or (reading is not None and max(reading.size_px) >= LARGE_PX):
        return reading
    return _read_ink(thumbnail(grey, WORKING_SIDE_PX))


def _read_ink(grey: Grey) -> Reading | None:
    texture = grain(grey)
    if min(grey.shape) < SMALL_SIDE_PX:
        return _on_even_paper(grey, texture)
    if texture > COARSE_GRAIN:
        grey = smoothed(grey, GRAIN_PX)
        texture = grain(grey)
    even = _on_even_paper(grey, texture)
    return (even and _on_a_sheet(grey, even)) or _among_shadows(grey, even, texture)


def _on_even_paper(grey: Grey, texture: float) -> Reading | None:
    """As if the light changed but slowly over the paper; `texture` is its grain."""
    is_small = min(grey.shape) < SMALL_SIDE_PX
    best: Reading | None = None
    tried: list[Grey] = []
    for place, ground in enumerate(even_grounds(grey)):
        if any(cv2.norm(ground, other, cv2.NORM_INF) < SAME for other in tried):
            continue
        tried.append(ground)
        reading = read(grey, ground, dark_ink=has_dark_ink(grey, ground), grain=texture)
        if reading is None:
            continue
        if best is None:  # blank, says the likeliest account
            is_likely = place == 0 or (is_small and reading.contrast > BOLD)
            best = reading if _is_ink(reading, is_likely=is_likely) else None
        elif _is_better(reading, best):
            best = reading
        if best is not None and best.doubt < (CLEAR_IF_SMALL if is_small else CLEAR):
            break
    return best


def _is_ink(reading: Reading, *, is_likely: bool) -> bool:
    """Rather than the texture of a blank picture, or the light on it."""
    if is_likely:
        return reading.doubt < CLEAR or reading.contrast > FAINT
    return reading.contrast > (BOLD / 2 if reading.doubt < CLEAR else BOLD) and reading.doubt < DOUBTFUL


def _among_shadows(grey: Grey, even: Reading | None, texture: float) -> Reading | None:
    """The light around each pixel taken as its ground, where even paper does not explain the picture."""
    if even is not None and even.doubt < CLEAR:
        return even
    dark_ink = has_dark_ink(grey)
    local = read(grey, local_ground(grey, dark_ink=dark_ink), dark_ink=dark_ink, grain=texture)
    if local is None:
        return even
    if even is None:
        return local if _is_ink(local, is_likely=False) else None
    if local.doubt >= even.doubt or local.contrast < AS_FULL * even.contrast:
        return even
    if local.polarity != even.polarity:
        return local if _is_better(local, even) else even
    return local if _is_shadow(grey, even.mask, local.mask) else even


def _is_shadow(grey: Grey, even: Mask, local: Mask) -> bool:
    """Whether what only the even account took for ink is of another depth than the ink: no bold stroke."""
    lost = (even > 0) & (local == 0)
    if not lost.any():
        return False
    paper = np.median(grey[even == 0])
    depth, inks_depth = (abs(float(grey[where].mean() - paper)) for where in (lost, local > 0))
    return abs(depth / inks_depth - 1) > ALIKE


def _on_a_sheet(grey: Grey, outer: Reading) -> Reading | None:
    """The digit on a sheet of paper that lies on something else, which the first account took for ink."""
    if outer.share < SHEET_SHARE:
        return None
    sheet = _sheet(grey, outer.mask)
    if sheet is None:
        return None
    texture = grain(sheet)
    even = _on_even_paper(sheet, texture)
    inner = even and _among_shadows(sheet, even, texture)
    return (
        inner
        if inner is not None and inner.doubt < CLEAR and inner.contrast >= AS_FULL * outer.contrast
        else None
    )


def _sheet(grey: Grey, mask: Mask) -> Grey | None:
    """The largest part of the mask, if it is a rectangle, on a ground of its own colour."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)
    area, (_, (width, height), _) = cv2.contourArea(outline), cv2.minAreaRect(outline)
    if area < max(RECTANGLE * width * height, SHEET_SHARE * grey.size):
        return None
    sheet = cv2.drawContours(np.zeros_like(mask), [outline], -1, 1, cv2.FILLED)
    if sum(side.any() for side in (sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1])) > 2:
        return None  # light that falls on a part of the paper
    edge_px = 2 * int(SHEET_EDGE * min(width, height)) + 3
    sheet = cv2.erode(sheet, np.ones((edge_px, edge_px), np.uint8))
    left, top, columns, rows = cv2.boundingRect(sheet)
    if min(rows, columns) < SMALL_SIDE_PX:
        return None
    inside = np.where(sheet, grey, np.median(grey[sheet > 0])).astype(np.float32)
    return np.ascontiguousarray(inside[top : top + rows, left : left + columns])


def _is_better(reading: Reading, other: Reading) -> bool:
    return reading.doubt < BETTER * other.doubt and reading.contrast >= AS_FULL * other.contrast
