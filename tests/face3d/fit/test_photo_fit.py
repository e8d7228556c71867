"""From a photo to face parameters."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES, EYE_LOOK_CHANNELS
from face3d.camera import Camera, head_to_camera
from face3d.detect.detector import FaceDetection, FaceDetector
from face3d.detect.face import choose_face
from face3d.errors import InputError
from face3d.fit.photo_fit import (
    EYE_LOOK_REACH,
    FitOptions,
    PhotoFit,
    fit_detection,
    fit_detections,
    fit_photo,
    fit_photos,
    interocular_px,
    project_landmarks,
    with_eye_look,
)
from face3d.fit.problem import Weights
from face3d.model.morphable_model import MorphableModel


class StubDetector:
    """Finds the faces that it was given."""

    def __init__(self, *faces: FaceDetection) -> None:
        self.faces = list(faces)

    def detect(self, image: np.ndarray) -> list[FaceDetection]:
        return self.faces


def scaled(face: FaceDetection, factor: float, offset: tuple[float, float] = (0.0, 0.0)) -> FaceDetection:
    """The same face seen larger, somewhere else in the picture."""
    shift = np.array(offset, np.float32)
    return dataclasses.replace(
        face,
        landmarks_px=(face.landmarks_px * factor + shift).astype(np.float32),
        landmarks_z=(face.landmarks_z * factor).astype(np.float32),
        box=(face.box * factor + np.tile(shift, 2)).astype(np.float32),
        size_px=face.size_px * factor,
    )


# --- the astronaut


def test_the_fit_lies_on_the_landmarks(astronaut_fit: PhotoFit, astronaut_detection: FaceDetection) -> None:
    assert astronaut_fit.nme < 0.015
    error = np.linalg.norm(astronaut_fit.landmarks_px - astronaut_detection.landmarks_px, axis=1).mean()
    assert error / interocular_px(astronaut_detection.landmarks_px) == pytest.approx(astronaut_fit.nme)
    assert astronaut_fit.detection is astronaut_detection
    assert astronaut_fit.messages == ()


def test_the_parameters_describe_the_photo(astronaut_fit: PhotoFit) -> None:
    """A woman who smiles into the camera, head slightly turned, mouth open to show her teeth."""
    p = astronaut_fit.parameters
    assert len(p) == 1
    assert p.confidence.tolist() == [1]
    assert p.camera.image_size == (320, 320)
    assert p.camera.principal_point_px == (160, 160)
    assert 250 < p.translation[0, 2] < 2500
    assert p.rotation.norm() < math.radians(30)
    assert p.eye_rotation.abs().max() < math.radians(25)
    assert p.identity.abs().max() < 4
    for name, low, high in (("mouthSmileLeft", 0.4, 1), ("mouthSmileRight", 0.4, 1), ("jawOpen", 0, 0.3)):
        assert low < p.expression[0, ARKIT_INDEX[name]] <= high, name
    assert p.expression.min() >= 0
    assert p.expression.max() <= 1
    assert p.expression[0, ARKIT_INDEX["tongueOut"]] == 0


def test_the_landmarks_are_the_models(model: MorphableModel, astronaut_fit: PhotoFit) -> None:
    p = astronaut_fit.parameters
    assert astronaut_fit.landmarks_px.shape == (478, 2)
    np.testing.assert_allclose(project_landmarks(model, p)[0], astronaut_fit.landmarks_px, atol=1e-3)
    vertices = model.vertices(p.identity, p.expression[0], p.eye_rotation[0])
    tip = head_to_camera(model.landmarks478.of(vertices), p.rotation[0], p.translation[0])[4]
    np.testing.assert_allclose(p.camera.project(tip), astronaut_fit.landmarks_px[4], atol=1e-2)


def test_fits_are_repeatable(astronaut_fit: PhotoFit, astronaut_detection: FaceDetection) -> None:
    again = fit_detection(astronaut_detection, (320, 320)).parameters
    for name in ("identity", "expression", "rotation", "translation", "eye_rotation"):
        torch.testing.assert_close(getattr(again, name), getattr(astronaut_fit.parameters, name), rtol=1e-4, atol=1e-4)


def test_fit_moves_with_the_face(astronaut_fit: PhotoFit, astronaut_detection: FaceDetection) -> None:
    """The same face elsewhere in a larger picture: another place in space, but the same person and expression."""
    moved = fit_detection(scaled(astronaut_detection, 2.0, (400.0, 100.0)), (1280, 960))
    assert moved.nme == pytest.approx(astronaut_fit.nme, abs=0.003)
    difference = (moved.parameters.expression - astronaut_fit.parameters.expression).abs()
    difference[:, list(EYE_LOOK_CHANNELS)] = 0
    assert difference.mean() < 0.05


# --- choosing the face


def test_the_largest_face_is_used_and_said(astronaut_detection: FaceDetection) -> None:
    large, small = scaled(astronaut_detection, 2), astronaut_detection
    face, messages = choose_face([large, small], None)
    assert face is large
    assert len(messages) == 1
    assert "2 faces" in messages[0]
    assert "--face-index" in messages[0]
    assert choose_face([large], None) == (large, ())


@pytest.mark.parametrize("index", [0, 1])
def test_a_chosen_face_needs_no_message(astronaut_detection: FaceDetection, index: int) -> None:
    faces = [scaled(astronaut_detection, 2), astronaut_detection]
    assert choose_face(faces, index) == (faces[index], ())


@pytest.mark.parametrize("index", [2, -1, 99])
def test_no_such_face(astronaut_detection: FaceDetection, index: int) -> None:
    with pytest.raises(InputError, match=rf"no face {index}; 2 found"):
        choose_face([astronaut_detection] * 2, index)


@pytest.mark.parametrize("index", [None, 0, 3])
def test_no_face(index: int | None) -> None:
    with pytest.raises(InputError, match="No face was found"):
        choose_face([], index)


def test_too_small_a_face(astronaut_detection: FaceDetection) -> None:
    """The limit holds for the face that is used, not for others."""
    tiny = scaled(astronaut_detection, 63.9 / astronaut_detection.size_px)
    with pytest.raises(InputError, match="at least 64 are needed"):
        choose_face([tiny], None)
    with pytest.raises(InputError, match="at least 64"):
        choose_face([astronaut_detection, tiny], 1)
    assert choose_face([astronaut_detection, tiny], None)[0] is astronaut_detection
    assert choose_face([tiny], None, smallest_face_px=32)[0] is tiny


def test_fit_photo_uses_the_chosen_face(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    second = scaled(astronaut_detection, 0.8, (60.0, 0.0))
    detector = StubDetector(astronaut_detection, second)
    default = fit_photo(astronaut, detector=detector)  # type: ignore[arg-type]
    assert default.detection is astronaut_detection
    assert "2 faces" in default.messages[0]
    other = fit_photo(astronaut, face_index=1, detector=detector)  # type: ignore[arg-type]
    assert other.detection is second
    assert other.messages == ()
    assert other.nme < 0.015
    options = FitOptions(smallest_face_px=100)
    with pytest.raises(InputError, match="at least 100"):
        fit_photo(astronaut, 1, options, detector)  # type: ignore[arg-type]


def test_fit_photo_opens_a_detector_of_its_own(astronaut: np.ndarray) -> None:
    fit = fit_photo(astronaut)
    assert fit.nme < 0.015
    assert fit.messages == ()
    with pytest.raises(InputError, match="No face"):
        fit_photo(np.full((200, 200, 3), 128, np.uint8))


def test_several_real_faces(astronaut: np.ndarray) -> None:
    import cv2

    small = cv2.resize(astronaut, (224, 224), interpolation=cv2.INTER_AREA)
    both = np.zeros((320, 544, 3), np.uint8)
    both[:, :320], both[50:274, 320:] = astronaut, small
    with FaceDetector() as detector:
        first = fit_photo(both, detector=detector)
        second = fit_photo(both, face_index=1, detector=detector)
    assert "2 faces found, using the largest" in first.messages[0]
    assert first.landmarks_px[4, 0] < 320 < second.landmarks_px[4, 0]
    assert max(first.nme, second.nme) < 0.015


# --- gaze


@pytest.mark.parametrize("eyes", [((0.2, -0.3), (0.15, -0.35)), ((-0.2, 0.4), (-0.25, 0.3)), ((0.0, 0.0), (0.0, 0.0))])
def test_gaze_of_a_known_face(model: MorphableModel, astronaut_detection: FaceDetection, eyes: tuple) -> None:
    """The whole fit on projections of a known face gives its gaze back, and the eyeLook weights that go with it."""
    truth = torch.tensor(eyes)
    identity = 0.5 * torch.randn(model.identity_size, generator=torch.Generator().manual_seed(0))
    expression, rotation, translation = torch.zeros(52), torch.tensor([0.1, -0.15, 0.05]), torch.tensor([0, 0, 900.0])
    camera = Camera(1600.0, (320.0, 320.0), (640, 640))
    points = head_to_camera(model.landmarks478.of(model.vertices(identity, expression, truth)), rotation, translation)
    depth = (points[:, 2] - points[:, 2].mean()) * camera.focal_px / 900
    face = dataclasses.replace(
        astronaut_detection,
        landmarks_px=camera.project(points).numpy(),
        landmarks_z=depth.numpy(),
        scores=expression.numpy(),
    )
    # No detector errs so little: trust the points more than the evidence.
    fit = fit_detection(face, (640, 640), FitOptions(Weights(landmark=0.002, identity=3.0, rotation=3.0)))
    assert fit.nme < 0.005
    torch.testing.assert_close(fit.parameters.eye_rotation[0], truth, rtol=0, atol=math.radians(5))
    expected = with_eye_look(torch.zeros(52), fit.parameters.eye_rotation[0])[list(EYE_LOOK_CHANNELS)]
    torch.testing.assert_close(fit.parameters.expression[0, list(EYE_LOOK_CHANNELS)], expected)


def test_eye_look_weights() -> None:
    """Down and to the subject's left: the left eye looks out, the right eye in."""
    before = torch.full((52,), 0.25)
    after = with_eye_look(before, torch.tensor([[0.22, 0.30], [0.22, 0.30]]))
    expected = {
        "eyeLookDownLeft": 0.22 / EYE_LOOK_REACH["Down"],
        "eyeLookDownRight": 0.22 / EYE_LOOK_REACH["Down"],
        "eyeLookOutLeft": 0.30 / EYE_LOOK_REACH["Out"],
        "eyeLookInRight": 0.30 / EYE_LOOK_REACH["In"],
    }
    for i, name in enumerate(ARKIT_NAMES):
        wanted = expected.get(name, 0.0) if i in EYE_LOOK_CHANNELS else 0.25
        assert after[i] == pytest.approx(wanted), name
    assert (before == 0.25).all()


def test_eye_look_weights_stay_in_range() -> None:
    for angle in (-2.0, 2.0):
        weights = with_eye_look(torch.zeros(52), torch.full((2, 2), angle))
        assert set(weights.tolist()) == {0.0, 1.0}
        assert weights.sum() == 4
    assert with_eye_look(torch.zeros(52), torch.zeros(2, 2)).sum() == 0


def test_landmarks_of_many_frames(model: MorphableModel, astronaut_fit: PhotoFit) -> None:
    p = astronaut_fit.parameters
    several = dataclasses.replace(
        p,
        expression=p.expression.repeat(3, 1),
        rotation=p.rotation.repeat(3, 1),
        translation=p.translation.repeat(3, 1) + torch.tensor([[0.0], [50.0], [100.0]]),
        eye_rotation=p.eye_rotation.repeat(3, 1, 1),
        confidence=p.confidence.repeat(3),
    )
    points = project_landmarks(model, several)
    assert points.shape == (3, 478, 2)
    for i in range(3):
        torch.testing.assert_close(points[i], project_landmarks(model, several.frames(i, i + 1))[0], rtol=0, atol=1e-2)


# --- several photos of one person


def test_photos_of_one_person_share_the_identity(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    """The same photo at two sizes: one identity, each photo's own camera and place."""
    import cv2

    large = np.asarray(cv2.resize(astronaut, (480, 480), interpolation=cv2.INTER_CUBIC), np.uint8)
    with FaceDetector() as detector:
        fits = fit_photos([astronaut, large], detector=detector)
        alone = fit_photo(astronaut, detector=detector)
    assert len(fits) == 2
    assert torch.equal(fits[0].parameters.identity, fits[1].parameters.identity)
    assert [fit.parameters.camera.image_size for fit in fits] == [(320, 320), (480, 480)]
    assert max(fit.nme for fit in fits) < 0.02
    for fit in fits:
        assert len(fit.parameters) == 1
        assert torch.rad2deg((fit.parameters.rotation - alone.parameters.rotation).norm()) < 3
        assert (fit.parameters.expression - alone.parameters.expression).abs().max() < 0.3
    assert fits[1].landmarks_px[4] == pytest.approx(fits[0].landmarks_px[4] * 1.5, abs=5)


def test_one_of_several_photos_alone_is_fit_photo(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    detector = StubDetector(astronaut_detection)
    (one,) = fit_photos([astronaut], detector=detector)  # type: ignore[arg-type]
    alone = fit_photo(astronaut, detector=detector)  # type: ignore[arg-type]
    for name in ("identity", "expression", "rotation", "translation"):
        torch.testing.assert_close(getattr(one.parameters, name), getattr(alone.parameters, name), rtol=1e-4, atol=1e-4)
    assert one.nme == pytest.approx(alone.nme, rel=1e-3)


def test_the_order_of_photos_does_not_matter(astronaut_detection: FaceDetection) -> None:
    """The identity is that of all; each photo keeps its own expression."""
    calm = dataclasses.replace(scaled(astronaut_detection, 1.2), scores=np.zeros(52, np.float32))
    faces, sizes = [astronaut_detection, calm], [(320, 320), (384, 384)]
    forth, back = fit_detections(faces, sizes), fit_detections(faces[::-1], sizes[::-1])[::-1]
    torch.testing.assert_close(forth[0].parameters.identity, back[0].parameters.identity, rtol=0, atol=0.02)
    for one, two in zip(forth, back, strict=True):
        torch.testing.assert_close(one.parameters.expression, two.parameters.expression, rtol=0, atol=0.02)
        assert one.nme == pytest.approx(two.nme, abs=1e-3)
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert forth[0].parameters.expression[0, smile] > forth[1].parameters.expression[0, smile]


def test_every_photo_needs_a_face(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> None:
    with pytest.raises(InputError, match="No photo to fit"):
        fit_photos([])
    with pytest.raises(InputError, match="No face was found"):
        fit_photos([astronaut], detector=StubDetector())  # type: ignore[arg-type]
    two = StubDetector(astronaut_detection, scaled(astronaut_detection, 0.8))
    fits = fit_photos([astronaut, astronaut], detector=two)  # type: ignore[arg-type]
    assert all("2 faces" in fit.messages[0] for fit in fits)
