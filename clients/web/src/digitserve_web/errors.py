"""What can go wrong before the digit server is asked, as one tree. No HTTP in here: see `problems`.

WebError
├── NoPicture             the request holds none
├── MalformedForm         the form cannot be read
├── WrongBody             a body of a type, or in an encoding, that is not taken
├── WrongQuery            a value in the address that is not known
├── BodyTooLarge          more bytes than are taken
├── TooManyPictures       more pictures than are taken
├── UploadTooSlow         the body did not arrive in time
├── UploadBroken          the connection ended before the body or the answer did
├── UnreadablePictures    some pictures cannot be decoded, and which
├── TooManyUploads        others are being read; later
└── NoDocument            the model has no card or report here
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture of a request that cannot be decoded: its place from 0, its file's name or "", and why."""

    index: int
    name: str
    detail: str


class WebError(Exception):
    """Base of every error this package raises on purpose; the message is for the caller."""


class NoPicture(WebError):
    """The request holds no picture."""

    def __init__(self) -> None:
        super().__init__("no picture came; send one as the body, or some as files of a multipart form")


class MalformedForm(WebError):
    """The body says that it is a multipart form, and cannot be read as one."""


class WrongBody(WebError):
    """A body of another type, or one that is packed."""

    def __init__(self, content_type: str, encoding: str = "") -> None:
        packed = f" in the encoding {encoding!r}" if encoding else ""
        super().__init__(
            f"got a body of type {content_type or 'unknown'!r}{packed}; multipart/form-data, image/* or"
            " application/octet-stream is wanted, without a Content-Encoding"
        )


class WrongQuery(WebError):
    """A parameter in the address has a value that is not known."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        super().__init__(f"{name} is {value!r}; {wanted} is wanted")


class BodyTooLarge(WebError):
    """More bytes than are taken."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the request is larger than the limit of {limit_bytes} bytes; send fewer or smaller pictures"
        )


class TooManyPictures(WebError):
    """More pictures than are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more pictures than the limit of {limit} in one request; send several requests")


class UploadTooSlow(WebError):
    """The body did not arrive in time."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the request did not arrive within {limit_s:g} s")


class UploadBroken(WebError):
    """The connection ended before the body or the answer did; nobody is left to be told."""

    def __init__(self) -> None:
        super().__init__("the connection ended before the answer")


class UnreadablePictures(WebError):
    """Some pictures cannot be decoded; none of the request was classified."""

    def __init__(self, pictures: tuple[Unreadable, ...]) -> None:
        self.pictures = pictures
        first = pictures[0]
        which = first.name or f"picture {first.index}"
        others = f" (and {len(pictures) - 1} more)" if len(pictures) > 1 else ""
        super().__init__(f"{which}: {first.detail}{others}")


class TooManyUploads(WebError):
    """As many requests with pictures are being answered as are taken at once."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} requests with pictures are being answered, which is the limit; try again")


class NoDocument(WebError):
    """The model has no such document here; the message says how to provide it."""
