import keras  # noqa: TID251  the network is one
import numpy as np
import pytest
from digitserve_training import network
from digitserve_training.config import names
from digitserve_training.errors import NetworkError
from recipes import configured


def shape_after(*layers: str) -> tuple[int, ...]:
    """The shape of what comes to the last dense layer."""
    shape: tuple[int, ...] = built(*layers).layers[-1].input.shape[1:]
    return shape


def built(*layers: str) -> keras.Model:
    return network.build(configured(f"layers=[{', '.join(f'{{{layer}}}' for layer in layers)}]"), 10)


def test_the_cnn_has_the_parameters_it_is_known_for() -> None:
    assert network.build(configured(preset="cnn"), 10).count_params() == 225_034


@pytest.mark.parametrize("preset", names())
def test_every_preset_answers_with_a_logit_for_each_class(preset: str) -> None:
    config = configured("outliers.share=0", preset=preset)
    answers = network.logits(network.build(config, 26), np.zeros((3, 28, 28), np.uint8))
    assert answers.shape == (3, 26)
    assert answers.dtype == np.float32


def test_pixels_become_floats_from_0_to_1_once() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 3, 4] = 255
    scaled = network.as_input(images).numpy()
    assert scaled.shape == (2, 28, 28, 1)
    assert scaled.dtype == np.float32
    assert (scaled[1, 3, 4, 0], scaled.sum()) == (1, 1)


def test_it_ends_in_logits() -> None:
    answers = network.logits(network.build(configured(), 10), np.full((3, 28, 28), 99, np.uint8))
    assert answers.shape == (3, 10)
    assert not np.allclose(answers.sum(axis=1), 1)


def test_outliers_have_a_logit_of_their_own() -> None:
    assert network.build(configured("outliers.share=0.1"), 10).output.shape == (None, 11)


@pytest.mark.parametrize(
    ("layer", "left"),
    [
        ("kind='conv', filters=5, kernel_size=3", 28 * 28 * 5),
        ("kind='conv', filters=5, kernel_size=3, padding='valid'", 26 * 26 * 5),
        ("kind='conv', filters=5, kernel_size=5, strides=2, batch_norm=true", 14 * 14 * 5),
        ("kind='depthwise_conv', kernel_size=5, strides=3", 10 * 10),
        ("kind='residual', layers=[{kind='conv', filters=1, kernel_size=3}]", 28 * 28),
        ("kind='max_pool'", 14 * 14),
        ("kind='max_pool', pool_size=3, strides=2, padding='same'", 14 * 14),
        ("kind='average_pool', pool_size=4", 7 * 7),
        ("kind='dropout', rate=0.5", 28 * 28),
        ("kind='moment_normalization'", 28 * 28),
    ],
)
def test_each_kind_of_layer_leaves_what_it_should(layer: str, left: int) -> None:
    assert shape_after(layer, "kind='flatten'") == (left,)


def test_a_global_pool_and_dense_layers_are_flat() -> None:
    assert shape_after("kind='conv', filters=5, kernel_size=3", "kind='global_average_pool'") == (5,)
    assert shape_after("kind='flatten'", "kind='dense', units=7, batch_norm=true") == (7,)


@pytest.mark.parametrize(
    ("norm", "parameters"), [("false", 9 * 4 + 4 + 4 * 10 + 10), ("true", 9 * 4 + 4 * 4 + 4 * 10 + 10)]
)
def test_batch_normalisation_takes_the_place_of_the_bias(norm: str, parameters: int) -> None:
    conv = f"kind='conv', filters=4, kernel_size=3, batch_norm={norm}"
    assert built(conv, "kind='global_average_pool'").count_params() == parameters


def test_a_residual_layer_adds_its_input_before_the_activation() -> None:
    inner = "{kind='conv', filters=1, kernel_size=1, activation='none'}"
    model = built(f"kind='residual', layers=[{inner}]", "kind='flatten'")
    convolution = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    features = keras.Model(model.input, model.layers[-1].input)
    pixels = np.random.default_rng(1).random((2, 28, 28, 1), np.float32)
    for factor, expected in ((1.0, 2 * pixels), (-2.0, 0 * pixels)):
        convolution.set_weights([np.full((1, 1, 1, 1), factor), np.zeros(1)])
        np.testing.assert_allclose(features(pixels).numpy(), expected.reshape(2, -1), atol=1e-6)


def test_no_activation_lets_negative_values_through() -> None:
    pixels = np.full((1, 28, 28), 255, np.uint8)
    for activation, sign in (("none", -1), ("relu", 0)):
        model = built("kind='flatten'", f"kind='dense', units=1, activation='{activation}'")
        dense = model.layers[-1]
        model.set_weights(
            [np.full_like(weight, -1 if weight.shape[0] == 784 else 1) for weight in model.get_weights()]
        )
        dense.set_weights([np.ones((1, 10)), np.zeros(10)])
        assert np.sign(network.logits(model, pixels)).max() == sign


def test_moments_are_measured_in_full_precision() -> None:
    config = configured("precision=mixed_bfloat16", preset="upright")
    assert network.build_for_fit(config, 10).layers[1].compute_dtype == "float32"


def test_the_precision_is_that_of_the_fit_alone() -> None:
    config = configured("precision=mixed_bfloat16")
    fitted, kept = network.build_for_fit(config, 10), network.build(config, 10)
    fitted.set_weights(kept.get_weights())
    images = np.random.default_rng(1).integers(0, 256, (20, 28, 28), np.uint8)
    assert {layer.compute_dtype for layer in fitted.layers[1:-1]} == {"bfloat16"}
    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}
    np.testing.assert_allclose(network.logits(fitted, images), network.logits(kept, images), atol=0.1)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            ["kind='max_pool', pool_size=20", "kind='max_pool'", "kind='flatten'"],
            r"layer 2 (max_pool): its input is (1, 1, 1); wanted a larger input",
        ),
        (
            ["kind='conv', filters=8, kernel_size=29, padding='valid'", "kind='flatten'"],
            "layer 1 (conv): its input is (28, 28, 1); wanted a larger input",
        ),
        (
            ["kind='flatten'", "kind='conv', filters=8, kernel_size=3"],
            "layer 2 (conv): its input is (784); wanted a place before flatten or global_average_pool",
        ),
        (
            ["kind='dense', units=8"],
            "layer 1 (dense): its input is (28, 28, 1); wanted flatten or global_average_pool before it",
        ),
        (
            ["kind='flatten'", "kind='global_average_pool'"],
            "layer 2 (global_average_pool): its input is (784); wanted a place before flatten or "
            "global_average_pool",
        ),
        (
            ["kind='max_pool'", "kind='residual', layers=[{kind='conv', filters=8, kernel_size=3}]"],
            "layer 2 (residual): its layers make (14, 14, 8) of (14, 14, 1); wanted the same shape, to "
            "add them",
        ),
        (
            ["kind='residual', layers=[{kind='max_pool', pool_size=30}]"],
            "layer 1, layer 1 (max_pool): its input is (28, 28, 1); wanted a larger input",
        ),
        (
            ["kind='conv', filters=8, kernel_size=3", "kind='max_pool'"],
            "layer 2 (max_pool): it leaves (14, 14, 8); wanted flatten or global_average_pool at the end",
        ),
        (
            ["kind='conv', filters=8, kernel_size=3", "kind='moment_normalization'"],
            "layer 2 (moment_normalization): its input is (28, 28, 8); wanted a place before all others",
        ),
        (
            ["kind='residual', layers=[{kind='moment_normalization'}]"],
            "layer 1, layer 1 (moment_normalization): its input is (28, 28, 1); wanted a place before all "
            "others",
        ),
        ([], "layers: it leaves (28, 28, 1); wanted flatten or global_average_pool at the end"),
    ],
)
def test_layers_that_do_not_fit_are_named_with_the_shape(layers: list[str], message: str) -> None:
    with pytest.raises(NetworkError) as caught:
        built(*layers)
    assert str(caught.value) == message
