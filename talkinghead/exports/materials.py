"""Materials of an exported head: one colour for each part, or the albedo that a fit found."""

from __future__ import annotations

import io
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from face3d.model.parts import Part
from renderers.preview.shaded import PART_COLOURS, SKIN
from talkinghead.exports.gltf import GltfBuffer

# Parts that wear a fitted texture; where the photo shows none of them, it holds the skin's tone.
_TEXTURED = (Part.SKIN, Part.LIPS, Part.NECK, Part.EYE_SOCKET)
# Lashes are strips here, not single hairs.
_LASH_OPACITY = 0.5


class Materials:
    """One material for each colour in use."""

    def __init__(self, buffer: GltfBuffer, texture: Tensor | None) -> None:
        self.materials: list[dict[str, Any]] = []
        self.images: dict[str, Any] = {}
        self._indices: dict[str, int] = {}
        self._textured = texture is not None
        if texture is not None:
            view = buffer.add_view(_png(texture))
            self.images = {
                "images": [{"name": "albedo", "mimeType": "image/png", "bufferView": view}],
                "textures": [{"source": 0}],
            }

    def of(self, part: Part) -> int:
        """The material of a part of the face."""
        if self._textured and part in _TEXTURED:
            return self._add("face", {"baseColorTexture": {"index": 0}})
        colour = PART_COLOURS.get(part, SKIN)
        name = part.name.lower() if part in PART_COLOURS else "skin"
        return self.plain(name, colour, _LASH_OPACITY if part == Part.LASHES else 1.0)

    def plain(self, name: str, colour: tuple[int, int, int], opacity: float = 1.0) -> int:
        """A material of one sRGB colour."""
        return self._add(
            name, {"baseColorFactor": [*(round(_to_linear(c / 255), 5) for c in colour), opacity]}, opacity
        )

    def _add(self, name: str, look: dict[str, Any], opacity: float = 1.0) -> int:
        if name not in self._indices:
            self._indices[name] = len(self.materials)
            surface = look | {"metallicFactor": 0.0, "roughnessFactor": 0.6}
            # The neck, the mouth and the lashes are open: their insides are seen too.
            material = {"name": name, "pbrMetallicRoughness": surface, "doubleSided": True}
            self.materials.append(material if opacity == 1 else material | {"alphaMode": "BLEND"})
        return self._indices[name]


def _to_linear(value: float) -> float:
    """One channel of sRGB, 0..1, as linear light (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _png(texture: Tensor) -> bytes:  # [S, S, 3] linear 0..1
    linear = texture.clamp(0, 1)
    srgb = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9) ** (1 / 2.4) - 0.055)
    data = io.BytesIO()
    Image.fromarray((srgb * 255).round().byte().numpy()).save(data, format="PNG")
    return data.getvalue()
