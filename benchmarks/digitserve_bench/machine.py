"""The machine and the versions a result belongs to; nothing that names the host or its folders."""

import platform
import re
from importlib import metadata
from pathlib import Path

import msgspec
from digitserve_serving.cpus import usable_cpus

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
LIBRARIES = ("onnxruntime", "grpcio", "pygrpc-native", "protobuf", "numpy")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures depend on, beside the code."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    versions: dict[str, str]

    @property
    def slug(self) -> str:
        """A name for files, such as "amd-epyc-2-cores"."""
        words = re.sub(r"\(r\)|\(tm\)|@.*|cpu|processor", " ", self.cpu.lower())
        return "-".join([*re.findall(r"[a-z0-9.]+", words), str(self.cores), "cores"])


def this_machine() -> Machine:
    """The machine this runs on."""
    return Machine(
        cpu=_field(CPUINFO, "model name") or platform.machine(),
        cores=usable_cpus(),
        memory_gb=round(int((_field(MEMINFO, "MemTotal") or "0").split()[0]) * 1024 / 1e9, 1),
        kernel=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        versions={name: version for name in LIBRARIES if (version := _version(name))},
    )


def _field(file: Path, name: str) -> str:
    try:
        found = re.search(rf"^{name}\s*:\s*(.+)$", file.read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
