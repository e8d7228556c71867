"""The networks that ship with this package; a new training's SHA-256 goes here (`sha256sum FILE`)."""

from __future__ import annotations

from pathlib import Path

from face3d.resources import ShippedFiles

FILES = ShippedFiles(
    Path(__file__).parent / "assets",
    {
        "face-v1.safetensors": "5b158dee31e5abd577042dbca594bff83097fb220bf14a8026a1b47724931fed",
        "mouth-v1.safetensors": "39051e26a407c28dc1a8ddf7a3c352483ceae42a58dd4ac7c5b41a381d72cada",
    },
)
