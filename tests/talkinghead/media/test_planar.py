"""RGB to yuv420p: the kernel against the equations and against ffmpeg."""

from __future__ import annotations

import subprocess

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe

from talkinghead.media.planar import BLACK, BT709, NO_COLOUR, PlanarPicture


def convert_reference(picture: np.ndarray) -> tuple[np.ndarray, ...]:  # [h, w, 3] -> [h, w], 2 x [h / 2, w / 2]
    """The equations themselves, slow and exact."""
    height, width = picture.shape[:2]
    luma = picture @ BT709[0] + BLACK
    means = picture.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    blue, red = (means @ row + NO_COLOUR for row in BT709[1:])
    return tuple(np.floor(plane + 0.5).astype(np.uint8) for plane in (luma, blue, red))


def planes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    planar = PlanarPicture(picture.shape[1], picture.shape[0])
    planar.put(picture)
    return planar.luma, planar.blue, planar.red


def assert_within_a_level(got: tuple[np.ndarray, ...], expected: tuple[np.ndarray, ...]) -> None:
    for mine, theirs in zip(got, expected, strict=True):
        assert np.abs(mine.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(
    ("colour", "expected"),  # ITU-R BT.709-6, 8 bit: black, white, and the bars of 100 % colour
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
        ((255, 255, 0), (219, 16, 138)),
    ],
)
def test_known_colours(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    picture = np.broadcast_to(np.array(colour, np.uint8), (4, 6, 3))
    got = planes(picture)
    assert_within_a_level(got, tuple(np.full(p.shape, v) for p, v in zip(got, expected, strict=True)))
    assert [int(p[0, 0]) for p in convert_reference(picture)] == pytest.approx(expected, abs=1)


@given(rows=st.integers(1, 9), columns=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_the_kernel_is_the_equations(rows: int, columns: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (2 * rows, 2 * columns, 3), dtype=np.uint8)
    got, expected = planes(picture), convert_reference(picture)
    assert_within_a_level(got, expected)
    different = sum(int((a != b).sum()) for a, b in zip(got, expected, strict=True))
    assert different <= max(1, 0.01 * picture.size), "rounding differs only next to a half"


def test_ffmpeg_gives_the_same() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 2).astype(float)
    picture = np.clip((soft - soft.mean()) * 5 + 128, 0, 255).astype(np.uint8)
    scale = "scale=in_range=full:out_range=tv:out_color_matrix=bt709:flags=accurate_rnd+full_chroma_inp+area"
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-i", "-"]
    command += ["-vf", f"{scale},format=yuv420p", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, input=picture.tobytes(), capture_output=True, check=True).stdout
    data, size = np.frombuffer(raw, np.uint8), 48 * 64
    luma, chroma = data[:size].reshape(48, 64), data[size:].reshape(2, 24, 32)
    assert_within_a_level(planes(picture), (luma, chroma[0], chroma[1]))


def test_a_window_changes_only_itself() -> None:
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    patch = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    planar = PlanarPicture(30, 20)
    planar.put(whole)
    planar.put(patch, 10, 6)
    whole[6:14, 10:22] = patch
    for got, expected in zip((planar.luma, planar.blue, planar.red), planes(whole), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert planar.data.size == 30 * 20 * 3 // 2


@pytest.mark.parametrize(("left", "top", "size"), [(1, 0, 4), (0, 1, 4), (0, 0, 5), (28, 0, 4), (0, 18, 4), (-2, 0, 4)])
def test_windows_that_do_not_fit(left: int, top: int, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        PlanarPicture(30, 20).put(np.zeros((size, size, 3), np.uint8), left, top)


@pytest.mark.parametrize("size", [(3, 4), (4, 3), (0, 4)])
def test_odd_pictures(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="even"):
        PlanarPicture(*size)
