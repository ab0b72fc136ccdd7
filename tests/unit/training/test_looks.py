"""A graph that looks again: where it is sure it answers as before, else by a geometric mean of all looks."""

import keras  # noqa: TID251  the networks are its
import numpy as np
import onnx
import pytest
from digitserve_training import network
from digitserve_training.config.parts import Look
from digitserve_training.data import Images
from digitserve_training.export import export
from digitserve_training.graph import Graph
from digitserve_training.looks import answers, is_unsure, joined, pooled
from digitserve_training.verification import verify
from msgspec.structs import replace
from onnxruntime.capi.onnxruntime_pybind11_state import Fail
from recipes import TINY, configured
from scipy import stats


@pytest.fixture(scope="module")
def other() -> Graph:
    """A network of another build, with the same classes."""
    keras.utils.set_random_seed(8)
    return Graph(export(network.build(configured(TINY), 10), 0.05, 10))


@pytest.fixture(scope="module")
def images() -> Images:
    return np.random.default_rng(2).integers(0, 256, (60, 28, 28)).astype(np.uint8)


def look(below: float, at_least: float) -> Look:
    return Look(networks=("-",), below=below, at_least=at_least)


def middle(graph: Graph, images: Images) -> Look:
    """One that takes the middle third of the images for unsure."""
    confidences = np.sort(graph.probabilities(images).max(axis=1))
    return look(below=float(confidences[40]), at_least=float(confidences[20]))


def test_it_answers_as_before_where_it_is_sure_or_sees_none_of_the_classes(
    graph: Graph, other: Graph, images: Images
) -> None:
    """Where a confidence is a limit itself: of 60, the 21st is unsure, and the 41st is not."""
    before, by = graph.probabilities(images), middle(graph, images)
    order = np.argsort(before.max(axis=1))
    unsure = np.isin(np.arange(60), order[20:40])
    np.testing.assert_array_equal(is_unsure(before, by), unsure)
    after = joined(graph, [(by, [other])]).probabilities(images)
    np.testing.assert_array_equal(after[~unsure], before[~unsure])
    assert (np.abs(after - before).max(axis=1)[unsure] > 1e-6).all()


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_where_it_is_unsure_the_answer_is_the_mean_of_all_looks(
    graph: Graph, other: Graph, images: Images, count: int, replaces: bool
) -> None:
    """Or of all but the first, where they replace it."""
    by, others = replace(middle(graph, images), replaces=replaces), [other, graph][:count]
    found = joined(graph, [(by, others)])
    unsure = is_unsure(graph.probabilities(images), by)
    asked = others if replaces else [graph, *others]
    said = [one.probabilities(images[unsure]) for one in asked]
    pool = stats.gmean(np.maximum(said, 1e-9), axis=0)
    pool /= pool.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities(images)[unsure], pool, atol=1e-6)
    assert verify(found, images, answers(graph, [(by, others)], images)[0]) <= 1e-6


def test_others_are_asked_about_what_is_doubted_alone(graph: Graph, other: Graph, images: Images) -> None:
    """By one that fails at any other number of images than one."""
    proto = onnx.load_from_string(other.serialized)
    one = onnx.helper.make_tensor("one", onnx.TensorProto.INT64, [3], [1, 28, 28])
    proto.graph.initializer.append(one)
    proto.graph.node.insert(0, onnx.helper.make_node("Reshape", ["images", "one"], ["single"]))
    for node in proto.graph.node[1:]:
        node.input[:] = ["single" if tensor == "images" else tensor for tensor in node.input]
    del proto.graph.value_info[:]
    confidences = np.sort(graph.probabilities(images).max(axis=1))
    by = look(below=float(confidences[:2].mean()), at_least=0)
    order = np.argsort(graph.probabilities(images).max(axis=1))
    whole = joined(graph, [(by, [Graph(proto.SerializeToString())])])
    np.testing.assert_array_equal(
        whole.probabilities(images[order[1:]]), graph.probabilities(images[order[1:]])
    )
    np.testing.assert_allclose(
        whole.probabilities(images), answers(graph, [(by, [other])], images)[0], atol=1e-6
    )
    with pytest.raises(Fail):
        whole.probabilities(images[order[[0, 0]]])


def test_a_class_that_one_excludes_is_left_to_the_others() -> None:
    """Where each excludes what the other says, there is no geometric mean of the two."""
    sure = np.eye(10, dtype=np.float32)[[0, 0]]
    found = pooled([sure, np.eye(10, dtype=np.float32)[[0, 1]]])
    np.testing.assert_allclose(found[0], sure[0], atol=1e-6)
    np.testing.assert_allclose(found[1, :2], 0.5, atol=1e-3)


def test_it_looks_again_with_as_many_classes_as_there_are() -> None:
    letters = Graph(export(network.build(configured(TINY), 47), 1.0, 47))
    images = np.zeros((3, 28, 28), np.uint8)
    assert joined(letters, [(look(below=1, at_least=0), [letters])]).probabilities(images).shape == (3, 47)


def test_one_that_looks_again_can_look_again_itself(graph: Graph, other: Graph, images: Images) -> None:
    always = look(below=1, at_least=0)
    inner = joined(other, [(always, [graph])])
    found = joined(graph, [(always, [inner])]).probabilities(images)
    np.testing.assert_allclose(found, answers(graph, [(always, [inner])], images)[0], atol=1e-6)


def test_a_further_look_is_at_what_is_doubted_after_the_one_before(
    graph: Graph, other: Graph, images: Images
) -> None:
    """Of the middle third, those whose answer is then below the median of these; one may look at none."""
    first = middle(graph, images)
    after, [count] = answers(graph, [(first, [other])], images)
    doubted = np.flatnonzero(is_unsure(graph.probabilities(images), first))
    confidences = after[doubted].max(axis=1)
    second = look(below=float(np.sort(confidences)[10]), at_least=0)
    looks = [(first, [other]), (second, [graph]), (look(below=1e-3, at_least=0), [other])]
    found, seen = answers(graph, looks, images)
    assert (count, seen) == (20, [20, 10, 0])
    again = doubted[confidences < second.below]
    np.testing.assert_array_equal(found[again], pooled([after[again], graph.probabilities(images[again])]))
    untouched = np.setdiff1d(np.arange(60), again)
    np.testing.assert_array_equal(found[untouched], after[untouched])
    assert verify(joined(graph, looks), images, found) <= 1e-6
