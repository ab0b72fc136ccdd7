"""Whether a page's ink is dark, or light as chalk."""

import cv2
import numpy as np

from digitserve_client.imaging.grey import Grey, thumbnail

FAR_PX, FAR_SHARE = 128, 0.3  # the longer side of what is looked at; of its shorter side, wider than strokes
NEAR_PX, NEAR_BOX_PX = 512, 17  # the same for what is near
CLEAR = 0.2  # a bold digit leans less to one side by what is near, where that lies within its strokes


def has_dark_ink(grey: Grey) -> bool:
    """Told by each pixel's difference to what is around it.

    A bold digit that fills its picture differs from what is far; writing on a sheet that lies on something
    darker differs from what is near, where the sheet's own edge is as much lighter on one side as it is
    darker on the other. What leans clearly more to one side decides.
    """
    far, near = thumbnail(grey, FAR_PX), thumbnail(grey, NEAR_PX)
    by_far, by_near = _lean(far, int(FAR_SHARE * min(far.shape)) | 1), _lean(near, NEAR_BOX_PX)
    return (by_near if abs(by_near) > max(CLEAR, abs(by_far)) else by_far) < 0


def _lean(grey: Grey, side_px: int) -> float:
    """From -1, all that is far from its surroundings is darker, to 1, all of it is lighter.

    Noise is as often above as below; ink is on one side, and far: the third power shows it.
    """
    difference = grey - cv2.blur(grey, (side_px, side_px))
    cubes = difference * difference * difference
    return float(cubes.sum()) / max(float(np.abs(cubes).sum()), 1e-6)
