"""Whether a page's ink is dark, or light as chalk."""

import cv2

from digitserve_client.imaging.grey import Grey, thumbnail
from digitserve_client.imaging.paper import from_around, lean

NEAR_PX, NEAR_BOX = 512, (17, 17)  # the longer side of what is looked at, and what is near there
CLEAR = 0.2  # a bold digit leans less to one side by what is near, where that lies within its strokes


def has_dark_ink(grey: Grey) -> bool:
    """Told by each pixel's difference to what is around it.

    A bold digit that fills its picture differs from what is far; writing on a sheet that lies on something
    darker differs from what is near, where the sheet's own edge is as much lighter on one side as it is
    darker on the other. What leans clearly more to one side decides.
    """
    near = thumbnail(grey, NEAR_PX)
    by_far, by_near = lean(from_around(grey)), lean(near - cv2.blur(near, NEAR_BOX))
    return (by_near if abs(by_near) > max(CLEAR, abs(by_far)) else by_far) < 0
