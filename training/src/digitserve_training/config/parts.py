"""The tables of a configuration, beside its layers. What is left out is not done, and costs nothing."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Amount = Annotated[float, Meta(ge=0, le=1_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Momentum = Annotated[float, Meta(ge=0, lt=1)]


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is an error."""


class Data(Part, frozen=True):
    """What to learn from; `source` None is MNIST by Keras, `fit_images` None all that are not held out.

    An epoch has `epoch_images` at least: where there are fewer to fit on, they come more than once in it.
    `split_seed` decides which images are held out, apart from the configuration's own seed: networks that
    differ in that one only have seen the same images, so one can teach another and be chosen by the rest.
    """

    source: str | None = None
    validation_images: Count = 5_000
    split_seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    fit_images: Count | None = None
    epoch_images: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None


class _Optimizer(Part, frozen=True, tag_field="kind"):
    """What all kinds share. `weight_decay` is decoupled, and spares biases and batch normalisation.

    `clipnorm` limits the norm of all gradients together; None does not.
    """

    learning_rate: Annotated[float, Meta(gt=0, le=1e38)] = 1e-3
    weight_decay: Amount = 0.0
    clipnorm: Annotated[float, Meta(gt=0, le=1e38)] | None = None


class Adam(_Optimizer, frozen=True, tag="adam"):
    """Kingma, Ba: Adam: A Method for Stochastic Optimization. ICLR 2015."""

    beta_1: Momentum = 0.9
    beta_2: Momentum = 0.999


class AdamW(_Optimizer, frozen=True, tag="adamw"):
    """Adam, with a weight decay unless it is set to 0. Loshchilov, Hutter: ICLR 2019."""

    weight_decay: Amount = 0.01
    beta_1: Momentum = 0.9
    beta_2: Momentum = 0.999


class Sgd(_Optimizer, frozen=True, tag="sgd"):
    """Stochastic gradient descent."""

    momentum: Momentum = 0.9
    nesterov: bool = True


class Constant(Part, frozen=True, tag_field="kind", tag="constant"):
    """The learning rate stays as it is."""


class Cosine(Part, frozen=True, tag_field="kind", tag="cosine"):
    """The learning rate rises from 0 in a line, then falls along a cosine to `final_share` of itself."""

    warmup_epochs: Amount = 0.0
    final_share: Share = 0.0


class Loss(Part, frozen=True):
    """Cross-entropy; `label_smoothing` is the share of a label that is spread over all classes."""

    label_smoothing: Momentum = 0.0


class Affine(Part, frozen=True):
    """Turns, scales, shears and shifts about the centre, by amounts uniform within ± each limit.

    With the probability `stretch` a digit is drawn out towards the square around it, as in sets that
    scale each digit into one.
    """

    rotation_deg: Annotated[float, Meta(ge=0, le=180)] = 0.0
    scale: Momentum = 0.0
    shear: Share = 0.0
    shift_px: Annotated[float, Meta(ge=0, le=28)] = 0.0
    stretch: Share = 0.0


class Elastic(Part, frozen=True):
    """Moves every point by a smooth random field: its standard deviation, and how far it stays alike."""

    amplitude_px: Annotated[float, Meta(ge=0, le=10)]
    smoothness_px: Annotated[float, Meta(ge=1, le=28)] = 5.0


class Thickness(Part, frozen=True):
    """Makes strokes thicker or thinner, with this probability, by up to `amount` of a pixel on each side."""

    probability: Share = 0.5
    amount: Share = 0.5


class Noise(Part, frozen=True):
    """Adds noise of a standard deviation of up to `gaussian`, after changing the ink by ± `intensity`.

    Of a range of 0 paper to 1 ink.
    """

    gaussian: Share = 0.0
    intensity: Share = 0.0


class Augmentation(Part, frozen=True):
    """Distortions of the images to fit on, drawn anew for each image in each epoch."""

    affine: Affine | None = None
    elastic: Elastic | None = None
    thickness: Thickness | None = None
    noise: Noise | None = None


class Regularisation(Part, frozen=True):
    """`weight_averaging` is the momentum of the moving average of the weights that is validated and exported.

    0 takes the weights as they are.
    """

    weight_averaging: Momentum = 0.0


class EarlyStopping(Part, frozen=True):
    """Stops when the validation loss has not fallen for so many epochs; the best weights are the result."""

    patience: Count


class Distillation(Part, frozen=True):
    """Learning from the answers of trained models, besides the labels. Hinton, Vinyals, Dean: 2015.

    `teachers` are folders of model versions or runs, or .onnx files; their mean answer counts by `weight`.
    They are asked once, about `views` distorted copies of the images to fit on, which then come in turn.
    Afterwards the share `on_paper` of these is photographed or scanned, and prepared as a user's
    pictures are.
    """

    teachers: Annotated[tuple[str, ...], Meta(min_length=1)]
    weight: Share = 0.9
    temperature: Annotated[float, Meta(gt=0, le=100)] = 1.0
    views: Annotated[int, Meta(ge=1, le=1_000)] = 10
    on_paper: Share = 0.0


class DrawnDigits(Part, frozen=True):
    """Digits in the forms of many countries, drawn by strokes: `share` of each batch, out of `pool`.

    The share `on_paper` of them is photographed or scanned, and prepared as a user's pictures are.
    """

    share: Annotated[float, Meta(ge=0, le=0.5)]
    pool: Count = 20_000
    on_paper: Share = 0.0


class Typefaces(Part, frozen=True):
    """Digits of typefaces, handwritten and printed: `share` of each batch, out of `pool` that are drawn once.

    `files` is a pattern of paths (.ttf, .otf, .woff; ** for folders of any depth); the files of a folder are
    one family, and each family is drawn as often. `on_paper` as above.
    """

    files: str
    share: Annotated[float, Meta(ge=0, le=0.5)]
    pool: Count = 20_000
    on_paper: Share = 0.0


class Outliers(Part, frozen=True):
    """Images that show none of the classes: `share` of each batch, out of `pool` that are drawn once.

    Where the batches have digits of typefaces, letters and signs of these are among them.
    """

    share: Annotated[float, Meta(ge=0, le=0.5)]
    pool: Count = 20_000


class Look(Part, frozen=True):
    """Other networks look again at images that have been answered with a confidence below `below`.

    The answer is the geometric mean of that and of what they say; of what they say alone where the look
    `replaces` it, as it may where they are far better. Those below `at_least` are left as they are: with
    ten classes, that is what a network that has learned outliers says of them, and of few digits; 0 leaves
    none.
    `networks` are folders of model versions or runs, or .onnx files, as this job exports them.
    """

    networks: Annotated[tuple[str, ...], Meta(min_length=1)]
    below: Share
    at_least: Share = 0.12
    replaces: bool = False


Optimizer = Adam | AdamW | Sgd
Schedule = Constant | Cosine
Precision = Literal["float32", "mixed_bfloat16"]
Weights = Literal["float32", "float16"]
