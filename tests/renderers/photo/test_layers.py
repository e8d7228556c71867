"""What the avatar takes from the photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d.detect.detector import FaceDetection
from face3d.model.landmark_sets import (
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE,
    LOWER_INNER_LIP,
    OUTER_LIPS,
    RIGHT_EYE,
    UPPER_INNER_LIP,
)
from renderers.photo.layers import PhotoLayers, build_layers, continue_from, polygon_mask

WHITE = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def landmarks(astronaut_detection: FaceDetection) -> np.ndarray:
    return astronaut_detection.landmarks_px


@pytest.fixture(scope="module")
def layers(astronaut: np.ndarray, landmarks: np.ndarray) -> PhotoLayers:
    return build_layers(astronaut, landmarks)


def inside(landmarks: np.ndarray, ring: tuple[int, ...], grow: float = 0.0) -> np.ndarray:
    return polygon_mask((320, 320), landmarks[list(ring)], grow)


def changed(layer: np.ndarray, photo: np.ndarray) -> np.ndarray:
    return (layer != photo).any(2)


# --- polygons


def test_polygon_covers_whole_pixels() -> None:
    """Corners are in pixels with centres at half-integers: this square holds the centres of 4 x 3 pixels."""
    square = np.array([[2, 1], [6, 1], [6, 4], [2, 4]], np.float32)
    mask = polygon_mask((8, 10), square)
    assert mask[1:4, 2:6].all()
    assert mask.sum() <= 5 * 4  # OpenCV also paints the pixels that the outline crosses
    rows, columns = np.nonzero(mask)
    assert columns.mean() + 0.5 == pytest.approx(4, abs=0.5)
    assert rows.mean() + 0.5 == pytest.approx(2.5, abs=0.5)


def test_polygons_grow_and_shrink() -> None:
    circle = 20 + 10 * np.stack([np.cos(np.linspace(0, 6.2, 60)), np.sin(np.linspace(0, 6.2, 60))], 1)
    radii = [np.sqrt(polygon_mask((40, 40), circle.astype(np.float32), g).sum() / np.pi) for g in (-4, 0, 4)]
    assert radii[1] == pytest.approx(10, abs=0.8)
    assert radii[0] == pytest.approx(radii[1] - 4, abs=0.6)
    assert radii[2] == pytest.approx(radii[1] + 4, abs=0.6)


def test_polygons_outside_the_picture_are_cut() -> None:
    triangle = np.array([[-20, -20], [15, -20], [-20, 15]], np.float32)
    assert polygon_mask((10, 10), triangle).sum() == 0
    half = np.array([[-20, -20], [5, -20], [5, 50], [-20, 50]], np.float32)
    assert polygon_mask((10, 10), half)[:, :5].all()
    assert not polygon_mask((10, 10), half)[:, 6:].any()


# --- filling


def test_holes_take_the_nearest_colour() -> None:
    """A hole between red and blue halves becomes red on the left and blue on the right, whatever was in it."""
    image = np.zeros((30, 60, 3), np.uint8)
    image[:, :30, 0], image[:, 30:, 2] = 200, 200
    hole = np.zeros((30, 60), bool)
    hole[8:22, 15:45] = True
    image[hole] = 255
    filled = continue_from(image, ~hole, hole, 0.8)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert filled[15, 18].tolist() == pytest.approx([200, 0, 0], abs=6)
    assert filled[15, 42].tolist() == pytest.approx([0, 0, 200], abs=6)


def test_nothing_to_fill_or_to_fill_from() -> None:
    image = np.full((5, 5, 3), 9, np.uint8)
    nowhere, everywhere = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    assert continue_from(image, everywhere, nowhere, 1) is image
    assert continue_from(image, nowhere, everywhere, 1) is image


# --- the astronaut's layers


def test_shapes_and_ranges(layers: PhotoLayers, astronaut: np.ndarray) -> None:
    assert layers.skin.shape == astronaut.shape
    assert layers.skin.dtype == np.uint8
    mask = layers.face_mask
    assert mask.shape == (320, 320)
    assert mask.dtype == np.float32
    assert mask.min() == 0
    assert mask.max() <= 1
    assert layers.teeth_rgb.shape == (3,)


def test_the_photo_is_not_changed(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    image, points = astronaut.copy(), landmarks.copy()
    build_layers(image, points)
    np.testing.assert_array_equal(image, astronaut)
    np.testing.assert_array_equal(points, landmarks)


def test_face_mask_covers_the_features_and_ends_before_the_outline(layers: PhotoLayers, landmarks: np.ndarray) -> None:
    mask = layers.face_mask
    for ring in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS):
        assert mask[inside(landmarks, ring)].min() == 1
    assert mask[~inside(landmarks, FACE_OVAL)].max() == 0
    rim = mask[inside(landmarks, FACE_OVAL)]
    assert ((rim > 0.1) & (rim < 0.9)).sum() > 100  # a soft edge


def test_skin_has_neither_eyes_nor_teeth(layers: PhotoLayers, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    features = inside(landmarks, LEFT_EYE, 4) | inside(landmarks, RIGHT_EYE, 4) | inside(landmarks, INNER_LIPS, 4)
    assert not (changed(layers.skin, astronaut) & ~features).any()
    for ring in (LEFT_EYE, RIGHT_EYE):
        eye = inside(landmarks, ring)
        assert (astronaut[eye] @ WHITE).min() < 50 < (layers.skin[eye] @ WHITE).min()  # the pupil is gone
    teeth = inside(landmarks, INNER_LIPS, -1)

    def redness(image: np.ndarray) -> np.ndarray:
        return image[teeth, 0].astype(float) - image[teeth, 1]

    # The lower lip's highlight is as bright as teeth, so tell them apart by colour.
    assert np.median(redness(layers.skin)) > 1.5 * np.median(redness(astronaut))


def test_teeth_have_the_photos_own_colour(layers: PhotoLayers, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    inner = astronaut[inside(landmarks, INNER_LIPS, -1)]
    bright = inner[inner @ WHITE > np.quantile(inner @ WHITE, 0.7)].mean(0)
    assert np.abs(layers.teeth_rgb - bright).max() < 45
    red, _, blue = layers.teeth_rgb
    assert 0.6 * red < blue <= red * 1.02  # neither yellow nor blue


@pytest.fixture(scope="module")
def closed_mouth(landmarks: np.ndarray) -> np.ndarray:
    points = landmarks.copy()
    middle = (points[list(UPPER_INNER_LIP)] + points[list(LOWER_INNER_LIP)]) / 2
    points[list(UPPER_INNER_LIP)] = points[list(LOWER_INNER_LIP)] = middle
    return points


def test_a_closed_mouth_shows_no_inside(astronaut: np.ndarray, closed_mouth: np.ndarray) -> None:
    layers = build_layers(astronaut, closed_mouth)
    lips = inside(closed_mouth, OUTER_LIPS)
    np.testing.assert_array_equal(layers.skin[lips], astronaut[lips])


@pytest.mark.parametrize("gain", [0.25, 0.6, 1.0])
def test_guessed_teeth_follow_the_light(astronaut: np.ndarray, closed_mouth: np.ndarray, gain: float) -> None:
    """Without teeth in the photo: brighter than the skin, never glowing in the dark."""
    dim = (astronaut * gain).astype(np.uint8)
    teeth = build_layers(dim, closed_mouth).teeth_rgb
    skin = np.median(dim[inside(closed_mouth, FACE_OVAL)], axis=0) @ WHITE
    assert skin < teeth @ WHITE
    assert teeth.max() <= 250
    assert (teeth > 0).all()
    darker = build_layers((dim * 0.7).astype(np.uint8), closed_mouth).teeth_rgb
    assert darker @ WHITE <= teeth @ WHITE


def test_closed_eyes(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    """Lids that touch leave nothing to see of an eye, and nothing to fill."""
    points = landmarks.copy()
    for ring in (LEFT_EYE, RIGHT_EYE):
        points[list(ring), 1] = points[list(ring), 1].mean()
    layers = build_layers(astronaut, points)
    assert not changed(layers.skin, astronaut)[inside(points, LEFT_EYE, 4)].all()
    assert layers.teeth_rgb.min() > 0


@pytest.mark.parametrize("scale", [0.35, 2.0])
def test_faces_of_any_size(astronaut: np.ndarray, landmarks: np.ndarray, layers: PhotoLayers, scale: float) -> None:
    """The layers of a resized photo are the resized layers, roughly."""
    resized = np.asarray(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    got = build_layers(resized, (landmarks * scale).astype(np.float32))
    expected = cv2.resize(layers.skin, (resized.shape[1], resized.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(got.skin.astype(float) - expected).mean() < 1.5
    face = cv2.resize(layers.face_mask, (resized.shape[1], resized.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(got.face_mask - face).mean() < 0.02


@pytest.mark.parametrize(
    "offset", [(-110, -60), (110, 130), (-170, 0)], ids=["top left", "bottom right", "half outside"]
)
def test_faces_at_the_border(astronaut: np.ndarray, landmarks: np.ndarray, offset: tuple[int, int]) -> None:
    """Eyes or mouth may lie outside the picture."""
    layers = build_layers(astronaut, landmarks + np.array(offset, np.float32))
    assert layers.skin.shape == astronaut.shape
    assert np.isfinite(layers.teeth_rgb).all()
    assert 0 <= layers.face_mask.min() <= layers.face_mask.max() <= 1
