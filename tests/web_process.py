"""The web service as a process of its own, on a free port of the loopback interface."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

COMMAND = [sys.executable, "-m", "digitserve_web.cli", "--port", "0"]


@contextmanager
def web_process(target: str, *flags: str) -> Iterator[str]:
    """Its address, http://127.0.0.1:PORT; it is stopped at the end."""
    command = [*COMMAND, "--target", target, *flags]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        listening = re.search(r"listening on (http://127\.0\.0\.1:\d+)$", process.stdout.readline())
        try:
            assert listening, "the web service did not start"
            yield listening[1]
        finally:
            process.terminate()
            process.stdout.read()
