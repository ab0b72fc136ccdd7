"""What the fit makes small: cross-entropy with the labels, and with the answers of teachers."""

import tensorflow as tf

from digitserve_training.config.config import Config


def loss(logits: tf.Tensor, labels: tf.Tensor, answers: tf.Tensor, config: Config) -> tf.Tensor:
    """The mean over a batch, in nats: logits float32 (B, C), labels int32 (B,), answers (B, K) or (B, 0).

    Where there are answers they count by the distillation's weight, and the label by the rest; where they are
    all 0, nobody was asked, and the label counts alone. Both sides of that comparison are softened by its
    temperature, and its square keeps the gradients as large (Hinton, Vinyals, Dean: Distilling the Knowledge
    in a Neural Network. 2015).
    """
    with_labels = _cross_entropy(_smoothed(labels, logits.shape[1], config.loss.label_smoothing), logits)
    if config.distillation is None:
        return tf.reduce_mean(with_labels)
    temperature, classes = config.distillation.temperature, answers.shape[1]
    weight = config.distillation.weight * tf.reduce_sum(answers, axis=1)
    softened = tf.pad(_softened(answers, temperature), [[0, 0], [0, logits.shape[1] - classes]])
    with_teachers = temperature**2 * _cross_entropy(softened, logits / temperature)
    return tf.reduce_mean((1 - weight) * with_labels + weight * with_teachers)


def _cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def _smoothed(labels: tf.Tensor, classes: int, smoothing: float) -> tf.Tensor:
    return (1 - smoothing) * tf.one_hot(labels, classes) + smoothing / classes


def _softened(answers: tf.Tensor, temperature: float) -> tf.Tensor:
    """The answers as they would be at this temperature of their softmax."""
    return answers if temperature == 1 else tf.nn.softmax(tf.math.log(answers + 1e-12) / temperature)
