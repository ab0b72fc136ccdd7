"""The entry point of the command line: it only checks that the extra `cli` is there."""

import codecs
import io
import sys
import warnings

from digitserve_client.errors import MissingExtra

EXTRA = ("click", "rich", "PIL", "cv2")


def main() -> None:
    """Runs `digitserve`."""
    try:
        from digitserve_client.commands import digitserve  # noqa: PLC0415  # needs the extra
    except ImportError as missing:
        cause = missing.__cause__ if isinstance(missing, MissingExtra) else missing
        if (getattr(cause, "name", None) or "").partition(".")[0] not in EXTRA:
            raise
        sys.exit(f"digitserve: {MissingExtra('cli', 'the command line')}")
    # Of pictures with too many pixels Pillow warns in its way, and this package reports an error.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text, and need not fit into what a terminal or a pipe is encoded in.
        is_utf8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")
    try:
        digitserve(prog_name="digitserve")
    except OSError as failed:  # of what is written, on a full disk, say; a pipe that closes ends it before
        sys.exit(f"digitserve: {failed}")
