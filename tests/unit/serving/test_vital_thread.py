import subprocess
import sys

FAILS = """
import logging, threading
from digitserve_serving.vital_thread import VitalThread

logging.basicConfig()
def fail(): raise BaseException("the library below")
VitalThread(target=fail, name="loop").start()
threading.Event().wait()
"""


def test_a_process_ends_with_a_thread_it_cannot_do_without() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILS], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "the thread loop failed: the process ends" in done.stderr
    assert "the library below" in done.stderr
