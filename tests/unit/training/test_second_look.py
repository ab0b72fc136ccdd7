"""A graph that looks again: where it is sure it answers as before, else as the mean of all looks."""

import keras  # noqa: TID251  the networks are its
import numpy as np
import pytest
from digitserve_training import network
from digitserve_training.config.parts import SecondLook
from digitserve_training.data import Images
from digitserve_training.export import export
from digitserve_training.graph import Graph
from digitserve_training.second_look import answers, is_unsure, joined
from digitserve_training.verification import verify
from recipes import TINY, configured


@pytest.fixture(scope="module")
def other() -> Graph:
    """A network of another build, with the same classes."""
    keras.utils.set_random_seed(8)
    return Graph(export(network.build(configured(TINY), 10), 0.05, 10))


@pytest.fixture(scope="module")
def images() -> Images:
    return np.random.default_rng(2).integers(0, 256, (60, 28, 28)).astype(np.uint8)


def look(below: float, at_least: float) -> SecondLook:
    return SecondLook(networks=("-",), below=below, at_least=at_least)


def some(graph: Graph, images: Images) -> SecondLook:
    """One that takes the middle third of the images for unsure."""
    low, high = np.quantile(graph.probabilities(images).max(axis=1), [1 / 3, 2 / 3])
    return look(below=float(high), at_least=float(low))


def test_it_answers_as_before_where_it_is_sure_or_sees_none_of_the_classes(
    graph: Graph, other: Graph, images: Images
) -> None:
    before, middle = graph.probabilities(images), some(graph, images)
    unsure = is_unsure(before, middle)
    assert unsure.sum() == 20
    after = joined(graph, [other], middle).probabilities(images)
    np.testing.assert_array_equal(after[~unsure], before[~unsure])
    assert (np.abs(after - before).max(axis=1)[unsure] > 1e-6).all()


@pytest.mark.parametrize("count", [1, 2])
def test_where_it_is_unsure_the_answer_is_the_mean_of_all_looks(
    graph: Graph, other: Graph, images: Images, count: int
) -> None:
    middle, others = some(graph, images), [other, graph][:count]
    assert verify(joined(graph, others, middle), images, answers(graph, others, middle, images)) <= 1e-6


def test_it_looks_again_with_as_many_classes_as_there_are() -> None:
    letters = Graph(export(network.build(configured(TINY), 47), 1.0, 47))
    images = np.zeros((3, 28, 28), np.uint8)
    assert joined(letters, [letters], look(below=1, at_least=0)).probabilities(images).shape == (3, 47)


def test_what_nobody_doubts_costs_no_second_look(graph: Graph, other: Graph, images: Images) -> None:
    never = look(below=0, at_least=0)
    np.testing.assert_array_equal(
        joined(graph, [other], never).probabilities(images), graph.probabilities(images)
    )


def test_one_that_looks_again_can_look_again_itself(graph: Graph, other: Graph, images: Images) -> None:
    inner = joined(other, [graph], look(below=1, at_least=0))
    always = look(below=1, at_least=0)
    found = joined(graph, [inner], always).probabilities(images)
    np.testing.assert_allclose(found, answers(graph, [inner], always, images), atol=1e-6)
