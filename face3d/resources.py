"""Files that ship with a package, checked against their SHA-256 the first time a process uses them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from face3d.errors import InstallationError


@dataclass(frozen=True)
class ShippedFiles:
    """What a package ships in its folder `assets`.

    Attributes:
        folder: where the files are.
        sha256: of each file, by its name.
    """

    folder: Path
    sha256: Mapping[str, str]

    def path(self, name: str) -> Path:
        """The path of a file whose content is known to be intact.

        Raises:
            KeyError: the package ships no such file.
            InstallationError: the installed file is missing or was changed.
        """
        return _intact(self.folder / name, self.sha256[name])


@cache
def _intact(path: Path, expected: str) -> Path:
    remedy = f"reinstall talkinghead, or in a git checkout run: git checkout -- {path}"
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise InstallationError(f"This installation is incomplete: {path} is missing", remedy) from error
    except OSError as error:
        raise InstallationError(f"This installation is damaged: {path} cannot be read ({error})", remedy) from error
    if found != expected:
        reason = f"{path} has SHA-256 {found[:12]}..., expected {expected[:12]}..."
        raise InstallationError(f"This installation is damaged: {reason}", remedy)
    return path


# Provenance and licences: assets/README.md.
FILES = ShippedFiles(
    Path(__file__).parent / "assets",
    {
        "calibration-v1.safetensors": "0eb0bbfee06653b2b47df625bd833a075ce8475d050532b9b4cbcb61deddf2b0",
        "cc0_head.npz": "3dc4114925244aceb6037ad75d28744a58b7d8e2c11fa2b4106ad66040fea9f9",
        "face_landmarker.task": "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "selfie_segmentation.tflite": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    },
)


def asset_path(name: str) -> Path:
    """The path of one of this package's :data:`FILES`; errors as :meth:`ShippedFiles.path`."""
    return FILES.path(name)
