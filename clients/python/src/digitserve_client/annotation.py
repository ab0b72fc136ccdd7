"""A picture with what was read in it drawn on top."""

from PIL import Image, ImageDraw, ImageFont

from digitserve_client.images import PictureOrArray
from digitserve_client.page import DigitString, Page
from digitserve_client.pictures import MAX_SIDE_PX, read_picture

SURE, CHECK, STRING = (0, 130, 40), (215, 90, 0), (40, 90, 220)
TEXT_SHARE = 0.5  # of a digit's height
SMALLEST_PX = 9


def annotated(picture: PictureOrArray, page: Page) -> Image.Image:
    """The picture, RGB, with the boxes of `page` and the answers above them.

    Strings are blue, digits green, or orange where they need review.
    """
    image = Image.fromarray(read_picture(picture, MAX_SIDE_PX)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for string in page.strings:
        _draw(pen, string)
    return image


def _draw(pen: ImageDraw.ImageDraw, string: DigitString) -> None:
    height = max(digit.box.bounds[3] for digit in string.digits)
    font = ImageFont.load_default(max(SMALLEST_PX, TEXT_SHARE * height))
    width = max(1, round(height / 30))
    pen.polygon(string.box.corners, outline=STRING, width=width)
    for digit in string.digits:
        colour = CHECK if digit.needs_review else SURE
        pen.polygon(digit.box.corners, outline=colour, width=width)
        pen.text(digit.box.corners[0], digit.label, fill=colour, font=font, anchor="lb")
