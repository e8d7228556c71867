"""What this machine has and lacks, with the mend for each lack."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face3d.errors import InstallationError

OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 14)
SMALLEST_DISK_BYTES = 500_000_000

# The Debian packages of system libraries: of C++ and zlib, which compiled packages link to, and of what mediapipe, an
# extra, and the OpenCV that it brings need besides.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
    "libgcc_s.so.1": "libgcc-s1",
    "libstdc++.so.6": "libstdc++6",
    "libz.so.1": "zlib1g",
}


@dataclass(frozen=True)
class Finding:
    """One part of the installation.

    Attributes:
        name: of the part.
        present: whether it works.
        detail: what was found.
        mend: what to do about it, empty when it works.
        needed: whether the main job needs it.
    """

    name: str
    present: bool
    detail: str
    mend: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """Look at every part, in the order of the checks below."""
    return [check() for check in CHECKS]


def install(what: str) -> str:
    """The command that installs something into the environment that runs this, whichever pip the shell has."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install {what}"


def check_python() -> Finding:
    """A Python that every package has builds for."""
    version = ".".join(str(n) for n in sys.version_info[:3])
    fine = OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON
    known = " to ".join(".".join(map(str, v)) for v in (OLDEST_PYTHON, NEWEST_PYTHON))
    return Finding("Python", fine, version, "" if fine else f"install a Python from {known} and set up again with it")


def check_torch() -> Finding:
    """torch, and whether it can use a GPU."""
    small = " --extra-index-url https://download.pytorch.org/whl/cpu"
    mend = install(f"'torch>=2.6,<3'{'' if shutil.which('nvidia-smi') else small}")
    return _import_check("torch", "torch", _describe_torch, mend)


def check_cuda() -> Finding:
    """An NVIDIA GPU that torch can use."""
    try:
        import torch
    except Exception as error:
        return Finding("NVIDIA GPU", False, f"torch does not load ({_first_line(error)})", needed=False)
    if torch.cuda.is_available():
        return Finding("NVIDIA GPU", True, torch.cuda.get_device_name(0), needed=False)
    detail = "none that torch can use; everything runs on the CPU"
    return Finding("NVIDIA GPU", False, detail, needed=False)


def check_opencv() -> Finding:
    """OpenCV without windows, which needs no system libraries of its own."""
    mend = install("--force-reinstall opencv-python-headless")
    return _import_check("OpenCV", "cv2", _version, mend)


def check_litert() -> Finding:
    """LiteRT, which runs the nets that find faces and cut out people."""

    def load(_: Any) -> str:
        from face3d.detect.landmarker import BUILTIN, open_landmarker

        open_landmarker(BUILTIN, 1)
        return importlib.metadata.version("ai-edge-litert")

    return _import_check("LiteRT", "ai_edge_litert", load, install("'ai-edge-litert>=2.1,<3'"))


def check_mediapipe() -> Finding:
    """The other detector. It is only looked for: from its first use on, it sends records to Google."""
    if importlib.util.find_spec("mediapipe") is None:
        return Finding("mediapipe", False, "none; optional: --detector mediapipe", needed=False)
    return Finding("mediapipe", True, f"{importlib.metadata.version('mediapipe')}, for --detector", needed=False)


def check_numba() -> Finding:
    """numba, which compiles the rasterizer."""
    return _import_check("numba", "numba", _version, install("numba"))


def check_av() -> Finding:
    """PyAV, which reads sound and video."""
    return _import_check("PyAV", "av", _version, install("av"))


def check_encoders() -> Finding:
    """The encoders for H.264 and AAC, which PyAV's wheels bring."""
    mend = install("--force-reinstall av")
    try:
        from av.codec import codecs_available
    except (ImportError, OSError) as error:
        return Finding("encoders", False, f"PyAV does not load ({_first_line(error)})", mend)
    lacking = {"libx264", "aac"} - codecs_available
    if lacking:
        return Finding("encoders", False, f"PyAV's FFmpeg lacks {' and '.join(sorted(lacking))}", mend)
    return Finding("encoders", True, "H.264 (x264) and AAC")


def check_shipped_files() -> Finding:
    """The face model, the nets that find faces, and the networks of speech, mouth and face: each one intact."""
    import face3d.resources
    import renderers.resources
    import talkinghead.resources

    names, damaged = [], []
    for package in (face3d.resources, renderers.resources, talkinghead.resources):
        for name in package.FILES.sha256:
            try:
                names.append(package.FILES.path(name).name)
            except InstallationError as error:
                damaged.append(error)
    if damaged:
        problems, remedies = ([getattr(e, kind) for e in damaged] for kind in ("problem", "remedy"))
        return Finding("model files", False, "; ".join(problems), "; ".join(remedies))
    return Finding("model files", True, ", ".join(names))


def check_face_models() -> Finding:
    """Face models that the user brings; nothing needs them."""
    from face3d.model.registry import LOADERS, path_variable

    given = {name: os.environ.get(path_variable(name)) for name in LOADERS}
    lost = [f"{path_variable(name)} names {path}" for name, path in given.items() if path and not Path(path).exists()]
    if lost:
        mend = "set it to the model's files, or unset it"
        return Finding("other face models", False, f"{'; '.join(lost)}, which is not there", mend, needed=False)
    found = [name for name, path in given.items() if path]
    detail = ", ".join(found) or f"none; optional: {', '.join(LOADERS)} (docs/face_models.md)"
    return Finding("other face models", bool(found), detail, needed=False)


def check_disk() -> Finding:
    """A temporary folder that can be written to, with room in it."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"0")
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError as error:
        return Finding("temporary folder", False, _first_line(error), "set TMPDIR to a folder that can be written to")
    detail = f"{tempfile.gettempdir()}, {free / 1e9:.1f} GB free"
    if free < SMALLEST_DISK_BYTES:
        return Finding("temporary folder", False, detail, "free some disk space, or set TMPDIR to another disk")
    return Finding("temporary folder", True, detail)


def check_voice() -> Finding:
    """The voice for --text."""
    return _import_check("voice for --text", "hibari", lambda _: "hibari-tts", install("hibari-tts"), needed=False)


def check_pytorch3d() -> Finding:
    """pytorch3d with its compiled part: the package alone installs anywhere and then does not load on a CPU torch."""

    def load(pytorch3d: Any) -> str:
        importlib.import_module("pytorch3d._C")
        return str(getattr(pytorch3d, "__version__", "loads"))

    from talkinghead.cli.pytorch3d_setup import SCRIPT, Machine, why_not

    reason = why_not(Machine.here())
    if reason is not None:
        return Finding("pytorch3d rasterizer", False, reason, needed=False)
    mend = f"for --device cuda: python {SCRIPT}, or with a CUDA 13 build of torch {install('easypytorch3d')}"
    return _import_check("pytorch3d rasterizer", "pytorch3d", load, mend, needed=False)


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    check_torch,
    check_numba,
    check_opencv,
    check_litert,
    check_av,
    check_encoders,
    check_shipped_files,
    check_face_models,
    check_disk,
    check_voice,
    check_mediapipe,
    check_cuda,
    check_pytorch3d,
)


def _import_check(name: str, module: str, describe: Callable[[Any], str], mend: str, needed: bool = True) -> Finding:
    """Import a module and describe it; whatever goes wrong on the way is the finding."""
    if importlib.util.find_spec(module) is None:
        return Finding(name, False, "not installed", mend, needed)
    try:
        return Finding(name, True, describe(importlib.import_module(module)), needed=needed)
    except Exception as error:
        return Finding(name, False, _first_line(error), system_library_mend(str(error)) or mend, needed)


def system_library_mend(message: str) -> str:
    """What to install when a loader's message names a missing system library; empty when it names none."""
    match = re.search(r"(lib[\w+.-]+\.so(?:\.\d+)*): cannot open shared object file", message)
    if not match or not sys.platform.startswith("linux"):
        return ""
    package = DEBIAN_PACKAGES.get(match.group(1))
    if package is None:
        return f"install the system package that has {match.group(1)}"
    return f"on Debian and Ubuntu: apt-get install {package}; elsewhere the package that has {match.group(1)}"


def _version(module: Any) -> str:
    return str(module.__version__)


def _describe_torch(torch: Any) -> str:
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    return f"{torch.__version__} ({build} build)"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
