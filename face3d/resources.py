"""Files that ship with the package, checked against their SHA-256 the first time a process uses them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"

# Provenance and licences: assets/README.md.
SHA256: dict[str, str] = {
    "calibration-v1.safetensors": "0eb0bbfee06653b2b47df625bd833a075ce8475d050532b9b4cbcb61deddf2b0",
    "cc0_head.npz": "3dc4114925244aceb6037ad75d28744a58b7d8e2c11fa2b4106ad66040fea9f9",
    "face_landmarker.task": "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    "selfie_segmentation.tflite": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
}


@cache
def asset_path(name: str) -> Path:
    """The path of a shipped file whose content is known to be intact.

    Args:
        name: one of the keys of :data:`SHA256`.

    Raises:
        KeyError: the package ships no such file.
        RuntimeError: the installed file is missing or was changed.
    """
    expected = SHA256[name]
    path = ASSETS / name
    if not path.is_file():
        raise RuntimeError(f"This installation is incomplete: {path} is missing; reinstall talkinghead.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise RuntimeError(
            f"This installation is damaged: {path} has SHA-256 {found[:12]}..., expected {expected[:12]}...; "
            "reinstall talkinghead."
        )
    return path
