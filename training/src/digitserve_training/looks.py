"""Has other networks look again at the images that a network is not sure of, inside one ONNX file.

Few images decide how often a network errs, and for those a larger one may take its time, and for what both
doubt a larger one yet. Such cascades are old: Viola, Jones: Rapid Object Detection using a Boosted Cascade
of Simple Features. CVPR 2001. What several say is pooled by its geometric mean, whose confidences are right
where those of the arithmetic mean are too low: Genest, Zidek: Combining Probability Distributions. 1986.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from scipy.special import softmax

from digitserve_training.config.parts import Look
from digitserve_training.data import Images
from digitserve_training.graph import INPUT, OUTPUT, Graph, Probabilities

# A network that excludes a class cannot forbid it to the others.
LEAST = np.float32(1e-9)

# Each with the networks that it asks.
Looks = Sequence[tuple[Look, Sequence[Graph]]]


def joined(graph: Graph, looks: Looks) -> Graph:
    """One graph of all, which have the same classes: it answers as `answers` does.

    An answer jumps where a confidence passes a limit; that one is the same in every batch.
    """
    nodes = _Nodes()
    first = nodes.network(graph, "first", INPUT)
    nodes.add("Identity", _looked_at(nodes, looks, first, INPUT, 1), output=OUTPUT)
    return Graph(nodes.serialized(graph))


def answers(graph: Graph, looks: Looks, images: Images) -> tuple[Probabilities, list[int]]:
    """What all say together of images, uint8 (N, 28, 28): float32 (N, classes); and how many each look saw.

    What the graph says, where that is sure; else that pooled with what each of the first look's networks
    says, or the latter alone, where that is sure; and so on.
    """
    found = graph.probabilities(images)
    doubted, seen = np.arange(len(images)), []
    for look, others in looks:
        doubted = doubted[is_unsure(found[doubted], look)]
        seen.append(len(doubted))
        if len(doubted):
            said = [other.probabilities(images[doubted]) for other in others]
            found[doubted] = pooled(said if look.replaces else [found[doubted], *said])
    return found, seen


def pooled(said: Sequence[Probabilities]) -> Probabilities:
    """The geometric mean of answers, float32 (N, classes), which sums to 1 again."""
    pool: Probabilities = softmax(np.log(np.maximum(said, LEAST)).mean(axis=0), axis=1)
    return pool


def is_unsure(answers: Probabilities, look: Look) -> npt.NDArray[np.bool_]:
    """Which answers, float32 (N, classes), are doubted: bool (N,)."""
    confidence = answers.max(axis=1)
    is_low, is_class = confidence < np.float32(look.below), confidence >= np.float32(look.at_least)
    unsure: npt.NDArray[np.bool_] = is_low & is_class
    return unsure


def _looked_at(nodes: "_Nodes", looks: Looks, answers: str, images: str, number: int) -> str:
    """The answers to images, the doubted ones as the looks find them, of which the first has this number."""
    if not looks:
        return answers
    (look, others), *further = looks
    confidence = nodes.add("ReduceMax", answers, nodes.constant([1]), keepdims=0)
    is_low = nodes.add("Less", confidence, nodes.constant(np.float32(look.below)))
    is_class = nodes.add("GreaterOrEqual", confidence, nodes.constant(np.float32(look.at_least)))
    found = nodes.add("NonZero", nodes.add("And", is_low, is_class))
    with nodes.branch() as sure:
        nodes.add("Identity", answers)
    with nodes.branch() as unsure:
        places = nodes.add("Squeeze", found, nodes.constant([0]))
        doubted = nodes.add("Gather", images, places)
        said = [] if look.replaces else [nodes.add("Gather", answers, places)]
        said += [
            nodes.network(other, f"look {number}, network {which}", doubted)
            for which, other in enumerate(others, 1)
        ]
        pool = _looked_at(nodes, further, nodes.pooled(said), doubted, number + 1)
        nodes.add("ScatterND", answers, nodes.add("Unsqueeze", places, nodes.constant([1])), pool)
    # Not even the empty batch of images that nobody doubts is free.
    is_any = nodes.add("Greater", nodes.add("Size", found), nodes.constant(0))
    return nodes.add("If", is_any, then_branch=unsure, else_branch=sure)


class _Nodes:
    """Nodes of a graph in the making; each method returns the name of the tensor that comes out of them."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._arrays: list[TensorProto] = []
        self._numbers = itertools.count(1)

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind} {next(self._numbers)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: npt.ArrayLike) -> str:
        name = f"constant {next(self._numbers)}"
        self._arrays.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def pooled(self, answers: Sequence[str]) -> str:
        least = self.constant(LEAST)
        logarithms = [self.add("Log", self.add("Max", each, least)) for each in answers]
        return self.add("Softmax", self.add("Mean", *logarithms), axis=1)

    def network(self, graph: Graph, name: str, images: str) -> str:
        """All nodes and weights of a graph, about these images; the name keeps its tensors apart."""
        own = onnx.load_from_string(graph.serialized).graph
        kept = {INPUT: images, "": ""}  # an input that is left out has no name
        _rename(own, lambda tensor: kept.get(tensor, f"{name}/{tensor}"))
        self._arrays.extend(own.initializer)
        self._nodes.extend(own.node)
        return f"{name}/{OUTPUT}"

    @contextmanager
    def branch(self) -> Iterator[GraphProto]:
        """A graph of its own of what is added meanwhile; what comes out of its last node comes out of it.

        It has its own weights: onnxruntime prepares only those beforehand for its convolutions.
        """
        outer = self._nodes, self._arrays
        self._nodes, self._arrays = [], []
        branch = GraphProto(name=f"branch {next(self._numbers)}")
        yield branch
        branch.node.extend(self._nodes)
        branch.initializer.extend(self._arrays)
        branch.output.add(name=self._nodes[-1].output[0])
        self._nodes, self._arrays = outer

    def serialized(self, graph: Graph) -> bytes:
        """The whole, with what goes in and out of the graph."""
        model = onnx.load_from_string(graph.serialized)
        del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
        model.graph.node.extend(self._nodes)
        model.graph.initializer.extend(self._arrays)
        return model.SerializeToString(deterministic=True)


def _rename(graph: GraphProto, name_of: Callable[[str], str]) -> None:
    """All tensors and nodes of a graph, and of its branches."""
    for array in graph.initializer:
        array.name = name_of(array.name)
    for output in graph.output:
        output.name = name_of(output.name)
    for node in graph.node:
        node.name = name_of(node.name)
        node.input[:] = map(name_of, node.input)
        node.output[:] = map(name_of, node.output)
        for attribute in node.attribute:
            _rename(attribute.g, name_of)
