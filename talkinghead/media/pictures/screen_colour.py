"""Colours of wide-gamut and high-dynamic-range pictures as sRGB, told by their code points of ITU-T H.273 (CICP).

Phones film in HLG or PQ with the primaries of BT.2020, and save stills with those of P3; taken as they are, such
pictures look pale. Light up to white paper is kept, brighter light is compressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LINEAR, _PQ, _HLG = 8, 16, 18
_BT2020, _UNSPECIFIED = 9, 2
_WHITE_NITS = 203.0  # of white paper, in ITU-R BT.2408
_HLG_PEAK_NITS, _HLG_SYSTEM_GAMMA = 1000.0, 1.2
_KNEE = 0.8  # of white: the light from which on it is compressed
_STRIP_PIXELS = 1 << 18  # at a time: what fits into the processor's cache
_CODES = 1 << 12  # steps of the table that encodes linear light

# (x, y) of red, green and blue; all of these have the white of D65 but DCI-P3, which is shown with it as well.
_PRIMARIES = {
    1: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)


@dataclass(frozen=True)
class Tags:
    """What a file says of its colours.

    Attributes:
        primaries: code point of the primaries.
        transfer: code point of the curve.
    """

    primaries: int
    transfer: int

    @property
    def is_usual(self) -> bool:
        """Whether a screen shows such values as they are (the primaries of television in the eighties included)."""
        return self.transfer not in (_LINEAR, _PQ, _HLG) and self.gamut == 1

    @property
    def gamut(self) -> int:
        """Code point of the primaries that are meant, 1 where nothing is said."""
        if self.primaries in _PRIMARIES:
            return self.primaries
        return _BT2020 if self.primaries == _UNSPECIFIED and self.transfer in (_PQ, _HLG) else 1


def to_srgb(picture: NDArray[np.uint8] | NDArray[np.uint16], tags: Tags) -> NDArray[np.uint8]:  # both [H, W, 3]
    """RGB of the full range of its type, as `tags` tell it, as 8-bit sRGB."""
    if tags.is_usual:
        return picture.astype(np.uint8, copy=False) if picture.dtype == np.uint8 else (picture // 257).astype(np.uint8)
    light, matrix, codes = _light(tags.transfer, picture.dtype.itemsize), _to_bt709(tags.gamut), _srgb_codes()
    flat = picture.reshape(-1, 3)
    result = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), _STRIP_PIXELS):
        part = slice(start, start + _STRIP_PIXELS)
        linear = light[flat[part]]
        if tags.transfer == _HLG:
            linear *= _hlg_gain(linear)
        result[part] = codes[_compressed(linear @ matrix)]
    return result.reshape(picture.shape)


def srgb_to_light(picture: NDArray[np.uint8]) -> Floats:
    """Linear light of sRGB values, 1 being white."""
    return _light(_UNSPECIFIED, 1)[picture]


def light_to_srgb(light: Floats) -> NDArray[np.uint8]:
    """Linear light with the primaries of sRGB, 1 being white; [..., 3] is compressed if some of it is brighter."""
    if light.max(initial=0) <= 1:
        return _srgb_codes()[_codes_of(light)]
    return _srgb_codes()[_compressed(light.reshape(-1, 3))].reshape(light.shape)


def _compressed(linear: Floats) -> NDArray[np.int32]:  # [N, 3], 1 is white; returns places in the table of codes
    """Light above the knee in a smooth shoulder below 1, by one factor for a pixel so that its hue stays."""
    brightest = np.maximum(linear.max(axis=1), 1e-6)
    above = np.maximum(brightest - _KNEE, 0) / (1 - _KNEE)
    factor = np.where(above > 0, (_KNEE + (1 - _KNEE) * -np.expm1(-above)) / brightest, 1).astype(np.float32)
    return _codes_of(linear * factor[:, None])


def _codes_of(light: Floats) -> NDArray[np.int32]:
    # The square root gives the dark the finer steps that the eye wants.
    return (np.sqrt(np.clip(light, 0, 1)) * (_CODES - 1) + 0.5).astype(np.int32)


def _hlg_gain(scene: Floats) -> Floats:  # [N, 3] -> [N, 1]
    """HLG holds the light of the scene; a screen of 1000 nits shows it with this gain (BT.2100), 1 being our white."""
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
    gain = np.maximum(luminance, 1e-6) ** (_HLG_SYSTEM_GAMMA - 1) * (_HLG_PEAK_NITS / _WHITE_NITS)
    return np.asarray(gain[:, None], np.float32)


@lru_cache(maxsize=8)
def _light(transfer: int, bytes_per_value: int) -> Floats:  # [256 or 65536]
    """Linear light of each value; 1 is white, but for HLG the brightest light of the scene."""
    code = np.linspace(0, 1, 256**bytes_per_value)
    if transfer == _LINEAR:
        light = code
    elif transfer == _PQ:
        root = code ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        light *= 10_000 / _WHITE_NITS
    elif transfer == _HLG:
        upper = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = np.where(code <= 0.5, code**2 / 3, upper)
    else:
        # The curves of cameras (BT.709, BT.2020) are seen through a screen's, here as for other video.
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@lru_cache(maxsize=1)
def _srgb_codes() -> NDArray[np.uint8]:
    """The sRGB value of linear light (n / (_CODES - 1))^2."""
    light = np.linspace(0, 1, _CODES) ** 2
    code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (code * 255 + 0.5).astype(np.uint8)


@lru_cache(maxsize=8)
def _to_bt709(primaries: int) -> Floats:  # [3, 3], for row vectors
    matrix = np.linalg.inv(_to_xyz(1)) @ _to_xyz(primaries)
    return np.ascontiguousarray(matrix.T, np.float32)


def _to_xyz(primaries: int) -> NDArray[np.float64]:  # [3, 3]
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in _PRIMARIES[primaries]]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, white), np.float64)
