"""Fits to look at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from face3d.fit.photo_fit import PhotoFit
from talkinghead.fitting.overlay import LARGEST_PANEL, SMALLEST_PANEL, Layout, draw_fit, overlay_frames, panel_size


@pytest.mark.parametrize(
    ("size", "panel"),
    [
        ((360, 288), (640, 512)),
        ((1920, 1080), (960, 540)),
        ((1080, 1920), (540, 960)),
        ((800, 601), (800, 600)),
        ((4000, 3), (960, 2)),
    ],
)
def test_panel_sizes(size: tuple[int, int], panel: tuple[int, int]) -> None:
    assert panel_size(size) == panel
    assert SMALLEST_PANEL <= max(panel_size(size)) <= LARGEST_PANEL


# Of the astronaut.
WHOLE = Layout((0, 0, 320, 320), (640, 640))


def frames_of(fit: PhotoFit, confidence: list[float]) -> dict:
    count = len(confidence)
    fields = ("expression", "rotation", "translation", "eye_rotation")
    arrays = {n: getattr(fit.parameters, n).repeat(count, *[1] * (getattr(fit.parameters, n).ndim - 1)) for n in fields}
    return {**arrays, "confidence": torch.tensor(confidence)}


def test_states_are_told_apart(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    confidence = [1.0, 0.5, 0.0]
    parameters = dataclasses.replace(astronaut_fit.parameters, **frames_of(astronaut_fit, confidence))
    nme = np.array([0.012, np.nan, np.nan], np.float32)
    pictures = list(overlay_frames([astronaut] * 3, parameters, nme, WHOLE))
    assert [p.shape for p in pictures] == [(640, 1280, 3)] * 3
    measured, interpolated, lost = (p[:, 640:].astype(float) - p[:, :640] for p in pictures)
    assert np.abs(lost[60:]).max() == 0, "nothing is drawn where there is no face"
    assert np.abs(lost[:60]).max() > 100, "but it is said"
    x, y = (2 * int(v) for v in astronaut_fit.landmarks_px[5])
    face = np.s_[y - 40 : y + 40, x - 40 : x + 40]
    tints = [float((d[face][..., 2] - d[face][..., 0]).mean()) for d in (measured, interpolated)]
    assert tints[0] > tints[1] + 20, "measured is blue, interpolated amber"
    captions = [p[:40, 640:] for p in pictures]
    assert not (captions[0] == captions[1]).all()
    assert not (captions[1] == captions[2]).all()


def test_a_video_of_more_or_fewer_frames_than_were_fitted(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    parameters = dataclasses.replace(astronaut_fit.parameters, **frames_of(astronaut_fit, [1.0] * 3))
    nme = np.full(3, 0.01, np.float32)
    for available, expected in ((5, 3), (2, 2)):
        assert len(list(overlay_frames([astronaut] * available, parameters, nme, WHOLE))) == expected


def test_a_photo(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    before = astronaut.copy()
    drawn = draw_fit(astronaut, astronaut_fit.parameters)
    assert drawn.shape == astronaut.shape
    np.testing.assert_array_equal(astronaut, before)
    box = astronaut_fit.detection.box.astype(int)
    changed = np.abs(drawn.astype(int) - astronaut).max(-1) > 2
    assert changed[box[1] : box[3], box[0] : box[2]].mean() > 0.6
    assert changed[:, :20].mean() < 0.2


def test_a_face_that_leaves_the_picture(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    for shift in ([-150.0, 0, 0], [0, -200.0, 0], [400.0, 300.0, 0], [0, 0, -700.0], [0, 0, -2000.0]):
        moved = astronaut_fit.parameters.translation + torch.tensor(shift)
        picture = draw_fit(astronaut, dataclasses.replace(astronaut_fit.parameters, translation=moved))
        assert picture.shape == astronaut.shape


def test_a_small_face_in_a_large_picture_is_shown_large(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    canvas = np.full((900, 1600, 3), 100, np.uint8)
    canvas[300:620, 500:820] = astronaut
    camera = astronaut_fit.parameters.camera.cropped(-500, -300, 1600, 900)
    parameters = dataclasses.replace(
        astronaut_fit.parameters, camera=camera, **frames_of(astronaut_fit, [1.0, 1.0, 0.0])
    )
    layout = Layout.of(parameters)
    left, top, width, height = layout.window
    box = astronaut_fit.detection.box + np.array([500, 300, 500, 300])
    assert left < box[0] - 50
    assert top < box[1] - 50
    assert left + width > box[2] + 50
    assert top + height > box[3] + 50
    assert max(width, height) < 3 * astronaut_fit.detection.size_px
    assert max(layout.panel) == SMALLEST_PANEL
    source = next(overlay_frames([canvas] * 3, parameters, np.full(3, 0.01, np.float32), layout))
    assert source.shape == (layout.panel[1], 2 * layout.panel[0], 3)
    # The head lies where it is in the picture: what changes is the face.
    panel = layout.panel[0]
    changed = np.abs(source[:, panel:].astype(int) - source[:, :panel]).max(-1) > 10
    x, y = (astronaut_fit.landmarks_px[5] + (500, 300) - (left, top)) * panel / width
    assert changed[int(y) - 30 : int(y) + 30, int(x) - 30 : int(x) + 30].mean() > 0.8


def test_a_large_face_or_none_shows_the_whole_picture(astronaut_fit: PhotoFit) -> None:
    nobody = dataclasses.replace(astronaut_fit.parameters, **frames_of(astronaut_fit, [0.0]))
    assert Layout.of(nobody).window == (0, 0, 320, 320)
    near = astronaut_fit.parameters.translation * torch.tensor([1.0, 1.0, 0.5])
    large = dataclasses.replace(astronaut_fit.parameters, translation=near)
    assert Layout.of(large) == WHOLE
