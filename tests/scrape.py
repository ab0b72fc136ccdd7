"""Reads the metrics of a server, as Prometheus does."""

import urllib.request
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from server_process import ServerProcess

METRICS = ("--metrics-port", "0")


class Scrape(NamedTuple):
    """What was read."""

    text: str
    samples: dict[str, list[tuple[dict[str, str], float]]]  # by name: labels and value

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels."""
        return sum(v for found, v in self.samples.get(name, []) if labels.items() <= found.items())

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of this name, by one of their labels; without those that are 0."""
        return {found[label]: v for found, v in self.samples.get(name, []) if v}


def metrics_url(server: ServerProcess) -> str:
    """Where the server says its metrics are."""
    (url,) = server.logged(r"metrics on (http://127\.0\.0\.1:\d+/metrics)")
    return str(url)


def scrape(server: ServerProcess) -> Scrape:
    """What the server exports now."""
    return read(metrics_url(server))


def read(url: str) -> Scrape:
    """What is exported there now."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as response:
        text = response.read().decode()
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Scrape(text, samples)
