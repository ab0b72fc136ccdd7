"""What a configuration may say, and what is told of one that says something else."""

import re
import tomllib
from pathlib import Path

import pytest
import tomli_w
from digitserve_training.config import Recipe, Source, names, recipe
from digitserve_training.config.parts import Sgd
from digitserve_training.config.presets import FOLDER
from digitserve_training.errors import ConfigError
from recipes import configured


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def refused(file: Path, text: str) -> str:
    """What is said about a file, after its name."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        recipe(file=file)
    return re.sub(rf"^{re.escape(str(file))}[:,] ", "", str(caught.value))


def set_to(*assignments: str) -> Recipe:
    return recipe("cnn", overrides=[Source.of_flag(each, f"--set {each}") for each in assignments])


@pytest.mark.parametrize("name", names())
def test_every_preset_is_a_configuration_that_describes_itself(name: str) -> None:
    found = recipe(name)
    assert found.name == name
    assert found.config.description


def test_a_file_more_is_a_preset_more() -> None:
    assert set(names()) >= {"mlp", "simple-cnn", "simple-cnn-long", "cnn", "cnn-fast", "champion"}
    assert len(names()) == len(list(FOLDER.glob("*.toml")))


def test_a_file_may_say_everything_itself(file: Path) -> None:
    file.write_text('layers = [{ kind = "flatten" }]\nepochs = 7\n')
    found = recipe(file=file)
    assert (found.name, found.config.epochs, len(found.config.layers)) == ("mine", 7, 1)


def test_a_file_lies_over_its_preset_table_by_table_and_layers_as_a_whole(file: Path) -> None:
    file.write_text(
        'preset = "cnn"\nlayers = [{ kind = "flatten" }]\n[optimizer]\nweight_decay = 0.5\n'
        "[augmentation.affine]\nscale = 0.3\n"
    )
    found, preset = recipe(file=file).config, recipe("cnn").config
    assert (found.optimizer.weight_decay, preset.optimizer.weight_decay) == (0.5, 0)
    assert found.optimizer.learning_rate == preset.optimizer.learning_rate
    assert found.augmentation.affine
    assert preset.augmentation.affine
    assert found.augmentation.affine.scale == 0.3
    assert found.augmentation.affine.shear == preset.augmentation.affine.shear
    assert len(found.layers) == 1


def test_a_preset_by_flag_takes_the_place_of_the_files(file: Path) -> None:
    file.write_text('preset = "cnn"\nepochs = 7\n')
    found = recipe("mlp", file).config
    assert (found.epochs, found.layers) == (7, recipe("mlp").config.layers)


def test_another_kind_replaces_the_whole_table() -> None:
    assert configured("optimizer.kind=sgd", "optimizer.momentum=0.5").optimizer == Sgd(momentum=0.5)


def test_false_takes_a_table_away() -> None:
    assert configured("augmentation.affine=false").augmentation.affine is None


def test_the_last_one_to_speak_is_heard() -> None:
    assert configured("epochs=3", "epochs=4").epochs == 4


@pytest.mark.parametrize("text", ["optimizer.kind=adamw", 'optimizer.kind = "adamw"'])
def test_a_bare_word_is_text(text: str) -> None:
    assert set_to(text).config.optimizer.weight_decay == 0.01


def test_what_is_resolved_says_all_of_it_again(file: Path) -> None:
    config = configured(
        "augmentation.elastic.amplitude_px=1",
        "distillation.teachers=['a']",
        "outliers.share=0.1",
        "layers=[{kind='residual', layers=[{kind='conv', filters=1, kernel_size=3}]}, {kind='flatten'}]",
    )
    file.write_text(tomli_w.dumps(config.table()))
    assert recipe(file=file).config == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'preset = "cnn"\n[optimizer]\nlearning_rte = 0.1\n',
            "line 3: optimizer.learning_rte is not known; wanted one of kind, learning_rate, "
            "weight_decay, clipnorm, beta_1, beta_2; did you mean learning_rate?",
        ),
        (
            'preset = "cnn"\n\nepochs = "many"\n',
            "line 3: epochs is 'many'; wanted a whole number, 1 or more, at most 1e+09",
        ),
        (
            'preset = "cnn"\noptimizer.learning_rate = 0\n',
            "line 2: optimizer.learning_rate is 0; wanted a number, above 0, at most 1e+38",
        ),
        (
            'preset = "cnn"\nprecision = "float16"\n',
            "line 2: precision is 'float16'; wanted one of float32, mixed_bfloat16; did you mean float32?",
        ),
        (
            'preset = "cnn"\n[optimizer]\nkind = "adamm"\n',
            "line 3: optimizer.kind is 'adamm'; wanted one of adam, adamw, sgd; did you mean adam?",
        ),
        (
            'preset = "cnn"\n[optimizer]\nkind = "sgd"\nbeta_1 = 0.9\n',
            "line 4: optimizer.beta_1 is not known; wanted one of kind, learning_rate, weight_decay, "
            "clipnorm, momentum, nesterov",
        ),
        (
            'preset = "cnn"\n[augmentation]\naffine = 3\n',
            "line 3: augmentation.affine is 3; wanted a table of rotation_deg, scale, shear, shift_px, "
            "stretch",
        ),
        (
            'preset = "mlp"\n[augmentation]\nelastic = {}\n',
            "line 3: augmentation.elastic.amplitude_px is missing; wanted a number, 0 or more, at most 10",
        ),
        (
            'preset = "cnn"\n[distillation]\nteachers = [\n  "a",\n  3,\n]\n',
            "line 5: distillation.teachers.1 is 3; wanted text",
        ),
        (
            'layers = [\n  { kind = "flatten" },\n  { kind = "dense", units = 3, batch_norm = 1 },\n]\n',
            "line 3: layer 2: batch_norm is 1; wanted one of true, false",
        ),
        (
            '[[layers]]\nkind = "flatten"\n\n[[layers]]\nunits = 3\n',
            "line 4: layer 2: kind is missing; wanted one of conv, depthwise_conv, residual, "
            "max_pool, average_pool, global_average_pool, flatten, dense, dropout, "
            "moment_normalization",
        ),
        (
            'layers = [\n { kind = "residual", layers = [\n  { kind = "flatten" },\n  { kind = "conv", '
            "kernel_size = 3, filter = 3 },\n ] },\n]\n",
            "line 4: layer 1, layer 2: filter is not known; wanted one of kind, filters, kernel_size, "
            "strides, padding, activation, batch_norm; did you mean filters?",
        ),
        (
            "layers = 3\n",
            "line 1: layers is 3; wanted an array, each item a table of kind conv, depthwise_conv, "
            "residual, max_pool, average_pool, global_average_pool, flatten, dense, dropout, "
            "moment_normalization",
        ),
        (
            '# mine\npreset = "cn"\n',
            f"line 2: preset is 'cn'; wanted one of {', '.join(names())}; did you mean cnn?",
        ),
        (
            "epochs 3\n",
            "Expected '=' after a key in a key/value pair (at line 1, column 8); wanted TOML",
        ),
    ],
)
def test_an_error_names_line_key_value_and_what_is_allowed(file: Path, text: str, message: str) -> None:
    assert refused(file, text) == message


def test_without_layers_there_is_no_network(file: Path) -> None:
    assert refused(file, "epochs = 3\n").startswith("layers is missing; wanted an array")


@pytest.mark.parametrize(
    ("content", "found"), [(None, "No such file or directory"), (b"\xff\xfe", "the file is not text")]
)
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None, found: str) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"mine.toml: {found}; wanted a TOML file"):
        recipe(file=file)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "optimizer.learning_rate=fast",
            "--set optimizer.learning_rate=fast: optimizer.learning_rate is 'fast'; wanted a number, "
            "above 0, at most 1e+38",
        ),
        (
            "data.fit_image=5",
            "--set data.fit_image=5: data.fit_image is not known; wanted one of source, validation_images, "
            "split_seed, fit_images, epoch_images; did you mean fit_images?",
        ),
        (
            "min_accuracy=99",
            "--set min_accuracy=99: min_accuracy is 99; wanted a number, 0 or more, at most 1",
        ),
        (
            "seed",
            "--set seed: no = in it; wanted a key and a value, as in optimizer.learning_rate=0.001",
        ),
        ("a b=3", "--set a b=3: 'a b' is not a key; wanted names with dots between them"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_to(assignment)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (
            ["outliers.share=0.5", "drawn_digits.share=0.5", "seed=3"],
            "--set drawn_digits.share=0.5: drawn_digits.share and outliers.share add 128 images to a batch "
            "of 128; wanted at least 1 left for the data: smaller shares, or a larger batch_size",
        ),
        (
            ["outliers.share=0.4", "drawn_digits.share=0.4", "typefaces={files='*.ttf', share=0.4}"],
            "--set typefaces={files='*.ttf', share=0.4}: drawn_digits.share and typefaces.share and "
            "outliers.share add 153 images to a batch of 128;",
        ),
        (
            ["outliers.share=0.4", "drawn_digits.share=0.4", "batch_size=2"],
            "--set batch_size=2: drawn_digits.share and outliers.share add 2 images to a batch of 2;",
        ),
    ],
)
def test_shares_that_leave_a_batch_without_data_are_refused(assignments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        set_to(*assignments)


def test_shares_may_leave_a_single_image_of_the_data() -> None:
    config = set_to("outliers.share=0.5", "drawn_digits.share=0.49").config
    assert config.added == {"drawn_digits": 63, "outliers": 64}


@pytest.mark.parametrize("value", ["nan", "inf", "-0.001"])
def test_no_number_without_bounds_gets_in(value: str) -> None:
    with pytest.raises(ConfigError, match=r"loss.label_smoothing is .*; wanted a number, 0 or more, below 1"):
        set_to(f"loss.label_smoothing={value}")


def test_of_two_who_said_it_the_last_is_blamed(file: Path) -> None:
    file.write_text('preset = "cnn"\nepochs = 0\n')
    with pytest.raises(ConfigError, match=r"^--set epochs=-1: epochs is -1"):
        recipe(file=file, overrides=[Source.of_flag("epochs=-1", "--set epochs=-1")])


def test_presets_may_build_on_each_other() -> None:
    long, short = recipe("simple-cnn-long").config, recipe("simple-cnn").config
    assert tomllib.loads((FOLDER / "simple-cnn-long.toml").read_text())["preset"] == "simple-cnn"
    assert (long.layers, long.epochs > short.epochs) == (short.layers, True)


def test_a_look_that_no_answer_would_get_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"look 2: below is 0.1, with at_least at 0.12; wanted more than"):
        configured("looks=[{below=0.8, networks=['x']}, {below=0.1, networks=['x']}]")
