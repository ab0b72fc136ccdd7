"""The whole stack in containers, called from outside. Wants a Docker engine: `make test-compose`."""

import http.client
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
from web_in_process import multipart

ROOT = Path(__file__).parents[2]
BASE_IMAGE = "python:3.11-slim-bookworm"
MEGABYTE = 1_000_000

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("DIGITSERVE_COMPOSE_TEST") != "1", reason="needs a Docker engine: make test-compose"
    ),
    pytest.mark.timeout(1500),  # builds three images, one of them with TensorFlow
]


def docker(*arguments: str) -> str:
    """Runs docker; returns what it prints."""
    return subprocess.run(["docker", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout


class Stack:
    """The stack of docker-compose.yml under a project name and a port of its own."""

    def __init__(self) -> None:
        self.target, self.metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.web = f"127.0.0.1:{free_port()}"
        self._environment = os.environ | {
            "DIGITSERVE_PUBLISH": self.target,
            "DIGITSERVE_PUBLISH_METRICS": self.metrics,
            "DIGITSERVE_WEB_PUBLISH": self.web,
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

    def container(self, service: str = "serving") -> str:
        """The id of a service's container."""
        return self.compose("ps", "-q", service).strip()

    def wait_until_healthy(self, service: str = "serving") -> None:
        """Waits for Docker to find a service's container healthy."""
        container = self.container(service)
        events = ["events", "--filter", f"container={container}", "--filter", "event=health_status"]
        with subprocess.Popen(["docker", *events], text=True, stdout=subprocess.PIPE) as changes:
            assert changes.stdout
            while docker("inspect", "-f", "{{.State.Health.Status}}", container).strip() != "healthy":
                changes.stdout.readline()
            changes.terminate()


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
    stack.wait_until_healthy()


def test_the_page_and_its_api_answer_from_outside(stack: Stack) -> None:
    stack.wait_until_healthy("web")
    connection = http.client.HTTPConnection(stack.web, timeout=30)
    connection.request("GET", "/")
    assert b"<title>Digitserve</title>" in connection.getresponse().read()
    picture = (ROOT / "examples" / "7-pencil-cream.png").read_bytes()
    body, content_type = multipart(("small.png", picture), ("large.png", picture + bytes(2 * MEGABYTE)))
    connection.request("POST", "/v1/classify", body, {"Content-Type": content_type})
    assert [result["digit"] for result in json.load(connection.getresponse())["results"]] == [7, 7]
    connection.request("GET", "/v1/models/digits/2/card")
    assert b"<h1>digits, version 2</h1>" in connection.getresponse().read()
    connection.close()


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


def test_training_leaves_a_new_version_that_takes_over(
    stack: Stack, client: DigitClient, tmp_path: Path
) -> None:
    before = client.model()
    data = tmp_path / "mnist.npz"
    write_npz(data)
    data.chmod(0o644)
    mount = f"{data}:/mnist.npz:ro"
    stack.compose("run", "--rm", "-v", mount, "training", "--data", "/mnist.npz", "--quick")
    while (after := client.model()).version == before.version:
        pass
    assert int(after.version) == int(before.version) + 1
    manifest = docker("exec", stack.container(), "cat", f"/models/digits/{after.version}/manifest.json")
    assert json.loads(manifest)["model"]["sha256"] == after.sha256


@pytest.mark.parametrize("service", ["web", "serving"])
def test_it_stops_at_once_and_cleanly(stack: Stack, service: str) -> None:
    container = stack.container(service)
    stack.compose("stop", "--timeout", "15", service)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container).strip() == "0"
