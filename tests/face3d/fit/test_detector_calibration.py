"""What a detection says about a face, independent of where it is in the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, EYE_LOOK_CHANNELS
from face3d.detect.detector import FaceDetection
from face3d.fit.detector_calibration import Calibration, Evidence, align, calibration_from, describe, load_calibration
from face3d.model.morphable_model import MorphableModel
from face3d.resources import asset_path

PIXELS = np.array([1.0, -1.0, -1.0])  # +y up, +z to the viewer -> +y down, +z away


@pytest.fixture(scope="module")
def shipped() -> Calibration:
    return load_calibration()


def evidence_of(calibration: Calibration, face: FaceDetection) -> Evidence:
    return calibration(face.landmarks_px[None], face.landmarks_z[None], face.scores[None])


# --- align


@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_align_recovers_a_similarity(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(9, 3))
    turns = Rotation.random(4, rng).as_matrix()
    scales, places = size * rng.uniform(0.5, 2, 4), 100 * rng.normal(size=(4, 3))
    targets = scales[:, None, None] * np.einsum("bij,lj->bli", turns, source) + places[:, None]
    scale, rotation, origin = align(source, targets)
    np.testing.assert_allclose(scale, scales, rtol=1e-9)
    np.testing.assert_allclose(rotation, turns, atol=1e-7)
    np.testing.assert_allclose(origin, places, atol=1e-7 * (100 + size))


@given(st.integers(0, 10**6))
def test_align_never_mirrors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(8, 3))
    scale, rotation, _ = align(source, (source * [-1, 1, 1])[None])
    assert np.linalg.det(rotation[0]) == pytest.approx(1)
    assert 0 < scale[0] < 1


def test_align_is_the_best_fit() -> None:
    """No similarity close to it lies nearer to noisy targets."""
    rng = np.random.default_rng(2)
    source = rng.normal(size=(20, 3))
    target = 3 * source @ Rotation.random(None, rng).as_matrix().T + rng.normal(size=3) + 0.3 * rng.normal(size=(20, 3))
    scale, rotation, origin = (value[0] for value in align(source, target[None]))

    def error(s: float, R: np.ndarray, t: np.ndarray) -> float:
        return float(((s * source @ R.T + t - target) ** 2).sum())

    best = error(scale, rotation, origin)
    for _ in range(50):
        turn = Rotation.from_rotvec(0.02 * rng.normal(size=3)).as_matrix()
        assert error(scale * (1 + 0.02 * rng.normal()), turn @ rotation, origin + 0.02 * rng.normal(size=3)) > best


# --- describe


def described(shipped: Calibration, face: FaceDetection) -> tuple[np.ndarray, np.ndarray]:
    features, rotation = describe(
        shipped.canonical, face.landmarks_px[None], face.landmarks_z[None], face.scores[None], shipped.channels
    )
    return features[0], rotation[0]


@given(st.floats(0.3, 10), st.floats(-1000, 4000), st.floats(-1000, 4000))
def test_place_and_size_do_not_matter(
    shipped: Calibration, astronaut_detection: FaceDetection, factor: float, x: float, y: float
) -> None:
    face = astronaut_detection
    points = face.landmarks_px[None].astype(float) * factor + (x, y)
    depth = face.landmarks_z[None].astype(float) * factor
    features, rotation = described(shipped, face)
    again, turned = describe(shipped.canonical, points, depth, face.scores[None], shipped.channels)
    np.testing.assert_allclose(again[0], features, atol=1e-5)
    np.testing.assert_allclose(turned[0], rotation, atol=1e-7)


@given(st.floats(-0.6, 0.6), st.floats(-1, 1), st.floats(-3, 3))
def test_the_mean_face_leaves_its_rotation_only(shipped: Calibration, pitch: float, yaw: float, roll: float) -> None:
    """Seen from far away, at rest: only the turn and the scores are left."""
    truth = Rotation.from_rotvec([pitch, yaw, roll]).as_matrix()
    seen = shipped.canonical @ truth.T * 2.5 * PIXELS + (300, 200, 7)
    scores = np.full((1, 52), 0.5)
    features, rotation = describe(shipped.canonical, seen[None, :, :2], seen[None, :, 2], scores, shipped.channels)
    np.testing.assert_allclose(rotation[0], truth, atol=1e-7)
    points = 478 * 3
    np.testing.assert_allclose(features[0, :points], 0, atol=1e-6)
    np.testing.assert_allclose(features[0, points + 3 :], 0, atol=1e-9)
    back = Rotation.from_rotvec(features[0, points : points + 3] / 20).as_matrix()
    np.testing.assert_allclose(back, truth, atol=1e-7)


def test_certain_scores_stay_finite(shipped: Calibration, astronaut_detection: FaceDetection) -> None:
    certain = dataclasses.replace(astronaut_detection, scores=np.eye(52, dtype=np.float32)[25])
    features, _ = described(shipped, certain)
    assert np.isfinite(features).all()
    evidence = evidence_of(shipped, certain)
    assert np.isfinite(evidence.expression).all()


# --- the shipped file


def test_the_shipped_file(shipped: Calibration, model: MorphableModel) -> None:
    assert load_calibration() is shipped
    np.testing.assert_allclose(shipped.canonical, model.landmarks478.of(model.mean).double().numpy(), atol=1e-3)
    assert sorted({*shipped.channels, *EYE_LOOK_CHANNELS}) == list(range(52))
    for value in (shipped.prior_mean, shipped.prior_sd, shipped.identity_sd):
        assert value.shape == (model.identity_size,)
    assert shipped.expression_sd.shape == (52,)
    assert shipped.rotation_sd.shape == (3,)
    # It knows more than nothing, the head's turn within a few degrees.
    assert (shipped.identity_sd / shipped.prior_sd).mean() < 0.95
    assert (shipped.identity_sd[:10] < shipped.prior_sd[:10]).all()
    assert shipped.rotation_sd.max() < 0.08
    assert (shipped.expression_sd[shipped.channels] < 0.3).all()


def test_a_damaged_file_is_not_read() -> None:
    tensors = load_file(asset_path("calibration-v1.safetensors"))
    del tensors["identity_sd"]
    with pytest.raises(TypeError, match="identity_sd"):
        calibration_from(tensors)


def test_the_astronaut_smiles(shipped: Calibration, astronaut_detection: FaceDetection) -> None:
    evidence = evidence_of(shipped, astronaut_detection)
    expression = evidence.expression[0]
    assert min(expression[[ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]]) > 0.4
    assert expression[ARKIT_INDEX["jawOpen"]] < 0.3
    assert not expression[list(EYE_LOOK_CHANNELS)].any()
    assert Rotation.from_matrix(evidence.rotation[0]).magnitude() < np.radians(30)


def test_frames_do_not_mix(shipped: Calibration, astronaut_detection: FaceDetection) -> None:
    """A batch says of each face what the face alone says."""
    face = astronaut_detection
    other = face.landmarks_px @ np.array([[0.9, 0.3], [-0.3, 0.9]], np.float32)
    both = shipped(np.stack([face.landmarks_px, other]), np.stack([face.landmarks_z] * 2), np.stack([face.scores] * 2))
    for i, points in enumerate((face.landmarks_px, other)):
        alone = evidence_of(shipped, dataclasses.replace(face, landmarks_px=points))
        np.testing.assert_allclose(both.expression[i], alone.expression[0], atol=1e-4)
        np.testing.assert_allclose(both.identity[i], alone.identity[0], atol=1e-3)
        np.testing.assert_allclose(both.rotation[i], alone.rotation[0], atol=1e-5)
    assert np.abs(both.expression[1] - both.expression[0]).max() < 0.35  # a roll is not an expression


@pytest.mark.slow
def test_evidence_is_nearer_to_the_truth_than_the_scores(shipped: Calibration, model: MorphableModel) -> None:
    """On heads that it was not trained on."""
    from face3d.detect.face_tracker import FaceTracker
    from scripts.lab.face_model.synthetic_faces import FaceSynthesizer, SynthesisOptions

    synthesizer, tracker = FaceSynthesizer(model, 987, SynthesisOptions(detail_mm=0.8)), FaceTracker()
    people = shipped.prior_mean + shipped.prior_sd * np.random.default_rng(1).normal(size=(150, model.identity_size))
    faces = [synthesizer.sample(identity.astype(np.float32)) for identity in people]
    pairs = [(f, d) for f in faces if (d := tracker.track(f.image, f.landmarks_px)) is not None]
    assert len(pairs) > 130
    found = [d for _, d in pairs]
    evidence = shipped(*(np.stack([getattr(d, n) for d in found]) for n in ("landmarks_px", "landmarks_z", "scores")))
    truth = np.stack([f.expression for f, _ in pairs])
    scores = np.stack([d.scores for d in found])
    raw, read = (
        [float(np.sqrt(((values - truth)[:, [i]] ** 2).mean())) for i in range(52)]
        for values in (scores, evidence.expression)
    )
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "mouthSmileRight"):
        i = ARKIT_INDEX[name]
        assert read[i] < raw[i], name
        assert np.corrcoef(evidence.expression[:, i], truth[:, i])[0, 1] > 0.6, name
    assert np.mean(read) < 0.75 * np.mean(raw)
    identity = np.stack([f.identity for f, _ in pairs])
    read_error, prior_error = (((v - identity) ** 2).mean() for v in (evidence.identity, shipped.prior_mean))
    assert read_error < 0.97 * prior_error
