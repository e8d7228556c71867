"""The networks that ship with this package; a new training's SHA-256 goes here (`sha256sum FILE`)."""

from __future__ import annotations

from pathlib import Path

from face3d.resources import ShippedFiles

FILES = ShippedFiles(
    Path(__file__).parent / "assets",
    {
        "motion-v2.safetensors": "e5bd90423a6a924934eb7a59636a8304ed2c2865f5c4cee3af1f6280e1a90d18",
        "speech-v2-live.safetensors": "f7e86a2c8b51124d7e4f9f394bafe0351823fee1ae7e536f1327dd70ca987a32",
        "speech-v2.safetensors": "8d527111fba360a48ae647fe5f595db118fe0c6f5984672c9243fd95bcfc42ed",
    },
)
