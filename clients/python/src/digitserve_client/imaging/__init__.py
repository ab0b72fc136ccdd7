"""From any picture of one digit to the 28x28 that the model knows. Needs the extra `images` (OpenCV, Pillow).

The model knows MNIST's way of drawing, made from NIST's scans as in LeCun et al., "Gradient-based learning
applied to document recognition" (1998), section III.A: white ink on black, cropped to the ink, fitted
into a 20 px box with its proportions kept, and placed with the centre of mass in the middle of 28x28.
A classifier that reads 99 % of such digits misreads every third one that is not brought into this form.

The way there: `pictures` decodes, `grey` makes one channel of the colours, `paper` estimates the light of the
paper, `ink` what stands out from it, without the printed `lines`, which run along straight `paths`, and with
the `parts` that belong to the digit, `reading` chooses between several accounts of one picture, and `form`
draws the digit as MNIST does.
"""

import numpy as np
from numpy.typing import NDArray

from digitserve_client.errors import UnreadablePicture
from digitserve_client.findings import Findings, PictureWarning, Polarity, PreparedPicture
from digitserve_client.images import SIDE_PX, PictureOrArray
from digitserve_client.imaging.form import has_form, in_form
from digitserve_client.imaging.grey import one_channel
from digitserve_client.imaging.ink import Reading
from digitserve_client.imaging.reading import read_ink
from digitserve_client.pictures import name_of, read_picture

__all__ = ["Findings", "PictureWarning", "Polarity", "PreparedPicture", "prepare", "read_picture", "to_mnist"]

NO_DIGIT = "no digit in it: the picture is blank, too faint, or a whole page, which is for `read`"
FAINT_CONTRAST = 0.1  # of what the picture could hold; a soft pencil has 0.2 and more
WIDEST = 1.8  # width by height: 1 in 2,000 of MNIST's digits is wider
EDGE_SHARE = 0.04  # of a side: a picture may have been cropped to ink that ends so near to its border


def to_mnist(picture: PictureOrArray) -> NDArray[np.uint8]:
    """The one digit of a picture as the model wants it: (28, 28) uint8, white ink on black.

    The picture may be a photo or a scan of any size, dark on light or light on dark, in colour, unevenly
    lit, with transparency, printed lines and small specks, which are left out: a file, its bytes, a PIL
    image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or floats from 0 to 1; colours
    are RGB. What is in MNIST's form already stays as it is.
    Raises UnreadablePicture when it cannot be decoded or shows no ink, OSError when it cannot be opened.
    """
    prepared = prepare(picture)
    if prepared.findings.is_blank:
        raise UnreadablePicture(name_of(picture), NO_DIGIT)
    return prepared.image


def prepare(picture: PictureOrArray) -> PreparedPicture:
    """Like `to_mnist`, together with what was found; a blank picture is a finding here, no error.

    Raises UnreadablePicture when it cannot be decoded, OSError when it cannot be opened.
    """
    pixels = read_picture(picture)
    if has_form(pixels):
        return PreparedPicture(image=pixels, findings=_findings_of_form(pixels))
    reading = read_ink(one_channel(pixels))
    if reading is None:
        blank = Findings(polarity=None, ink_share=0.0, contrast=0.0, warnings=(PictureWarning.BLANK,))
        return PreparedPicture(image=np.zeros((SIDE_PX, SIDE_PX), np.uint8), findings=blank)
    return PreparedPicture(image=in_form(reading.ink), findings=_findings(reading))


def _findings_of_form(image: NDArray[np.uint8]) -> Findings:
    share = float(np.count_nonzero(image > 127)) / image.size
    return Findings(polarity=Polarity.LIGHT_ON_DARK, ink_share=share, contrast=float(image.max()) / 255)


def _findings(reading: Reading) -> Findings:
    contrast, (width_px, height_px) = min(reading.contrast / 255, 1.0), reading.size_px
    doubts = {
        PictureWarning.FAINT: contrast < FAINT_CONTRAST,
        PictureWarning.CUT_OFF: _is_cut_off(reading),
        PictureWarning.SEVERAL_DIGITS: reading.several or width_px > WIDEST * height_px,
    }
    return Findings(
        polarity=reading.polarity,
        ink_share=reading.share,
        contrast=contrast,
        warnings=tuple(warning for warning, holds in doubts.items() if holds),
    )


def _is_cut_off(reading: Reading) -> bool:
    """Ink at one border, or at two that meet. At opposite borders it has rather been cropped to the ink."""
    top, bottom, left, right = reading.margins
    near = [margin <= 0 for margin in (top, bottom, left, right)]
    roomy = all(margin > EDGE_SHARE for margin in reading.margins if margin > 0)
    return any(near) and roomy and not (near[0] and near[1]) and not (near[2] and near[3])
