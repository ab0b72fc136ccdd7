"""Trains the Digitserve model: fits a Keras network, exports it to ONNX, verifies and writes it.

`job` is the story, read from top to bottom; every other module is one of its nouns. Importing the
package loads nothing heavy: TensorFlow comes with `job`.
"""

import os

# Native code reads these when it is loaded, so they have to stand before any other import.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
