"""The whole stack in containers, called from outside. Wants a Docker engine: `make test-compose`."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from digits import write_npz
from digitserve_client import DigitClient, RetryPolicy
from scrape import read
from server_in_process import free_port

ROOT = Path(__file__).parents[2]
BASE_IMAGE = "python:3.11-slim-bookworm"
MEGABYTE = 1_000_000

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("DIGITSERVE_COMPOSE_TEST") != "1", reason="needs a Docker engine: make test-compose"
    ),
    pytest.mark.timeout(1500),  # builds two images, one of them with TensorFlow
]


def docker(*arguments: str) -> str:
    """Runs docker; returns what it prints."""
    return subprocess.run(["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout


class Stack:
    """The stack of docker-compose.yml under a project name and a port of its own."""

    def __init__(self) -> None:
        self.target, self.metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self._environment = os.environ | {
            "DIGITSERVE_PUBLISH": self.target,
            "DIGITSERVE_PUBLISH_METRICS": self.metrics,
            "COMPOSE_PROJECT_NAME": f"digitserve-test-{os.getpid()}",
        }
        v2 = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        self._compose = ["docker", "compose"] if v2.returncode == 0 else ["docker-compose"]

    def compose(self, *arguments: str) -> str:
        """Runs docker compose; returns what it prints."""
        return subprocess.run(
            [*self._compose, *arguments],
            cwd=ROOT,
            env=self._environment,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout

    def container(self) -> str:
        """The id of the serving container."""
        return self.compose("ps", "-q", "serving").strip()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    stack = Stack()
    try:
        stack.compose("--profile", "training", "build")
        stack.compose("up", "-d")
        yield stack
    finally:
        stack.compose("--profile", "training", "down", "--volumes", "--remove-orphans")


@pytest.fixture
def client(stack: Stack) -> Iterator[DigitClient]:
    """A client outside of the containers, patient enough for one that is starting."""
    with DigitClient(stack.target, timeout_s=60, retry=RetryPolicy(attempts=100)) as client:
        yield client


def test_the_stack_answers_a_client_from_outside(stack: Stack, client: DigitClient) -> None:
    pictures = sorted((ROOT / "examples").glob("[0-9]-*"))
    assert pictures
    for picture in pictures:
        assert client.classify(picture).digit == int(picture.name[0]), picture.name


def test_its_metrics_can_be_read_beside_it(stack: Stack, client: DigitClient) -> None:
    client.classify(ROOT / "examples" / "7-pencil-cream.png")
    found = read(f"http://{stack.metrics}/metrics")
    assert found.by("digitserve_model_processes", "state").keys() == {"ready"}
    assert found.value("digitserve_predictions_total") >= 1


def test_docker_finds_it_healthy(stack: Stack, client: DigitClient) -> None:
    assert client.models()
    events = ["events", "--filter", f"container={stack.container()}", "--filter", "event=health_status"]
    with subprocess.Popen(["docker", *events], text=True, stdout=subprocess.PIPE) as changes:
        if docker("inspect", "-f", "{{.State.Health.Status}}", stack.container()).strip() != "healthy":
            assert changes.stdout
            assert "health_status: healthy" in changes.stdout.readline()
        changes.terminate()


def test_the_serving_image_is_small_and_harmless(stack: Stack) -> None:
    inside = ["exec", stack.container(), "python", "-c"]
    assert docker(*inside, "import os; print(os.getuid())").strip() == "10001"
    look = "import importlib.util as u, shutil; print(u.find_spec('tensorflow'), shutil.which('gcc'))"
    assert docker(*inside, look).split() == ["None", "None"]
    sizes = [
        int(docker("image", "inspect", "-f", "{{.Size}}", i)) for i in ("digitserve-serving", BASE_IMAGE)
    ]
    added = sizes[0] - sizes[1]
    print(f"serving image: {sizes[0] / MEGABYTE:.0f} MB, of which {added / MEGABYTE:.0f} MB are ours")  # noqa: T201
    assert added <= 220 * MEGABYTE


def test_training_leaves_a_new_version_that_is_served_after_a_restart(
    stack: Stack, client: DigitClient, tmp_path: Path
) -> None:
    before = client.model()
    data = tmp_path / "mnist.npz"
    write_npz(data)
    data.chmod(0o644)
    mount = f"{data}:/mnist.npz:ro"
    stack.compose("run", "--rm", "-v", mount, "training", "--data", "/mnist.npz", "--quick")
    stack.compose("restart", "serving")
    after = client.model()
    assert int(after.version) == int(before.version) + 1
    manifest = docker("exec", stack.container(), "cat", f"/models/digits/{after.version}/manifest.json")
    assert json.loads(manifest)["model"]["sha256"] == after.sha256


def test_it_stops_at_once_and_cleanly(stack: Stack) -> None:
    container = stack.container()
    stack.compose("stop", "--timeout", "15", "serving")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container).strip() == "0"
