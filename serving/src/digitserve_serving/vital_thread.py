"""A thread that the process cannot do without."""

import logging
import os
import threading

log = logging.getLogger(__name__)


class VitalThread(threading.Thread):
    """Ends the process when what it runs fails: whoever started the process can start another.

    Otherwise it would stay, seemingly healthy, and answer nobody. What fails here is no call: those are
    answered with their errors. It is memory that runs out, or the library below that breaks.
    """

    def run(self) -> None:
        """Runs the target; does not return when that raises."""
        try:
            super().run()
        except BaseException:  # Rust's panics are no Exceptions
            try:
                log.critical("the thread %s failed: the process ends", self.name, exc_info=True)
            finally:
                os._exit(1)
