"""The model repository on disk: <folder>/<name>/<version>/{model.onnx,manifest.json}.

Whatever is loaded from it has been verified: the manifest is whole, the file is the one it names, and
the graph gives the answers that the manifest's golden samples must get.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from digitserve_serving.manifest import Manifest, read_manifest
from digitserve_serving.rollout import Rollout, read_rollout
from digitserve_serving.runtime import Images, OnnxModel, Probabilities

MODEL_NAME = re.compile(r"[a-z][a-z0-9-]*")
VERSION = re.compile(r"[1-9][0-9]*")
FILES = ("manifest.json", "model.onnx")
ONNX_TYPES = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}
# Another processor may round differently; a damaged graph is off by far more.
GOLDEN_TOLERANCE = 1e-3


class BadModel(Exception):
    """A model version that must not be served; str() says why, in words for the operator."""


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """Where one version of a model lies. The stamp changes whenever its files do."""

    name: str
    version: str
    path: Path
    stamp: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model: its versions, newest first, and what operators want of them."""

    versions: tuple[VersionFolder, ...]
    rollout: Rollout


@dataclass(frozen=True, slots=True)
class Contents:
    """What a look at the repository has found, by name; what could not be read, by path, and why."""

    models: dict[str, ModelFolder] = field(default_factory=dict)
    problems: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """A loaded model that does what its manifest says."""

    manifest: Manifest
    onnx: OnnxModel


def look(repository: Path) -> Contents:
    """What there is now. Whatever cannot be read is told of in the answer: nothing is raised."""
    contents = Contents()
    try:
        folders = sorted(_folders(repository, MODEL_NAME))
    except OSError as error:
        contents.problems[repository] = words_of(error)
        return contents
    for folder in folders:
        try:
            contents.models[folder.name] = ModelFolder(_versions(folder), read_rollout(folder))
        except (OSError, ValueError) as error:
            contents.problems[folder] = words_of(error)
    return contents


def load_verified(folder: VersionFolder, *, warm_up_rows: int) -> VerifiedModel:
    """Reads, verifies and warms up one version. Raises BadModel."""
    manifest = _manifest(folder)
    onnx = _onnx(folder.path / manifest.model.file, manifest)
    _check_tensors(onnx, manifest)
    # The largest batch, once: memory is claimed and kernels are chosen before the first caller waits.
    _run(onnx, np.zeros((warm_up_rows, manifest.height_px, manifest.width_px), np.uint8))
    _check_golden_samples(onnx, manifest)
    return VerifiedModel(manifest, onnx)


def _folders(parent: Path, names: re.Pattern[str]) -> list[Path]:
    return [path for path in parent.iterdir() if names.fullmatch(path.name) and path.is_dir()]


def _versions(folder: Path) -> tuple[VersionFolder, ...]:
    newest_first = sorted(_folders(folder, VERSION), key=lambda path: int(path.name), reverse=True)
    return tuple(VersionFolder(folder.name, path.name, path, _stamp(path)) for path in newest_first)


def _stamp(folder: Path) -> tuple[int, ...]:
    """Of the files in a version's folder: size and times, the change of permissions among them."""
    stamp: list[int] = []
    for name in FILES:
        try:
            found = (folder / name).stat()
        except OSError:
            stamp.append(-1)
        else:
            stamp += (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    return tuple(stamp)


def _manifest(folder: VersionFolder) -> Manifest:
    try:
        manifest = read_manifest(folder.path / "manifest.json")
    except (OSError, ValueError) as error:
        raise BadModel(f"manifest.json cannot be read: {words_of(error)}") from error
    if (manifest.name, manifest.version) != (folder.name, folder.version):
        raise BadModel(f"manifest.json is that of {manifest.name}/{manifest.version}")
    return manifest


def _onnx(path: Path, manifest: Manifest) -> OnnxModel:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadModel(f"{path.name} cannot be read: {words_of(error)}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.model.sha256:
        raise BadModel(
            f"{path.name} is damaged: its {len(content)} bytes have sha256 {digest[:12]}…,"
            f" the manifest wants {manifest.model.sha256[:12]}…"
        )
    try:
        return OnnxModel(content)
    except Exception as error:  # onnxruntime raises a dozen classes without a common base
        raise BadModel(f"onnxruntime refuses {path.name}: {error}") from error


def _run(onnx: OnnxModel, images: Images) -> Probabilities:
    try:
        return onnx.run(images)
    except Exception as error:
        raise BadModel(f"the graph does not run: {error}") from error


def _check_tensors(onnx: OnnxModel, manifest: Manifest) -> None:
    found = onnx.describe()
    wanted = {t.name: (ONNX_TYPES[t.dtype], list(t.shape)) for t in (manifest.input, manifest.output)}
    if found != wanted:
        raise BadModel(f"the graph has the tensors {found}, the manifest says {wanted}")
    if manifest.output.shape[-1] != len(manifest.labels):
        raise BadModel(f"{manifest.output.shape[-1]} classes but {len(manifest.labels)} labels")


def _check_golden_samples(onnx: OnnxModel, manifest: Manifest) -> None:
    try:
        images, wanted = manifest.golden_images(), manifest.golden_probabilities()
    except ValueError as error:
        raise BadModel(f"the golden samples cannot be read: {error}") from error
    found = _run(onnx, images)
    if found.shape != wanted.shape or not np.allclose(found, wanted, rtol=0, atol=GOLDEN_TOLERANCE):
        raise BadModel("the graph does not give the answers of the manifest's golden samples")


def words_of(error: Exception) -> str:
    """What an error says, without the number and the path of an OSError."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
