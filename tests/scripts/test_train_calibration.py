"""Making training faces, and a calibration from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import train_calibration
from safetensors.numpy import load_file
from train_calibration import make_faces, make_skins, read_photos, read_samples, train_file

from face3d.fit.detector_calibration import calibration_from
from face3d.model.morphable_model import MorphableModel
from scripts.lab.face_model.calibration import TrainingOptions

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few faces."""
    monkeypatch.setattr(train_calibration, "PER_FILE", 6)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.usefixtures("small")
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    make_faces(tmp_path / "whole", 12, 3, [], None)
    whole = contents(tmp_path / "whole")
    assert list(whole) == ["003-0000.npz", "003-0001.npz"]
    make_faces(tmp_path / "parts", 6, 3, [], None)
    first = tmp_path / "parts" / "003-0000.npz"
    written = first.stat().st_mtime_ns
    (tmp_path / "parts" / "003-0001.partial").write_bytes(b"half a file")
    make_faces(tmp_path / "parts", 12, 3, [], None)
    assert first.stat().st_mtime_ns == written  # not made again
    assert list(contents(tmp_path / "parts")) == list(whole)
    one, two = read_samples([tmp_path / "whole"]), read_samples([tmp_path / "parts"])
    assert len(one) == 12
    for name in one.__dataclass_fields__:
        found, wanted = getattr(two, name), getattr(one, name)
        # A rounding of the picture moves the detector's points by hundredths of a pixel.
        assert np.abs(found - wanted).mean() <= 2e-3 * np.abs(wanted).max(), name
    assert not np.array_equal(one.identity[:6], one.identity[6:])


@pytest.mark.usefixtures("small")
def test_heads_follow_the_prior(tmp_path: Path, model: MorphableModel) -> None:
    size = model.identity_size
    np.savez(tmp_path / "prior.npz", mean=np.full(size, 0.5), spread=np.full(size, 0.01))
    make_faces(tmp_path / "faces", 6, 1, [], tmp_path / "prior.npz")
    identity = read_samples([tmp_path / "faces"]).identity
    assert np.abs(identity - 0.5).max() < 0.06
    assert identity.std() > 0.005


@pytest.mark.usefixtures("small")
def test_detections_belong_to_the_faces(tmp_path: Path) -> None:
    make_faces(tmp_path, 6, 7, [], None)
    samples = read_samples([tmp_path])
    assert samples.landmarks_px.shape == (6, 478, 2)
    assert samples.landmarks_z.shape == (6, 478)
    assert 0 <= samples.scores.min() <= samples.scores.max() <= 1
    assert (samples.translation[:, 2] > 350).all()
    sizes = np.ptp(samples.landmarks_px, axis=1).max(1)
    assert (sizes > 100).all()


def test_photos_become_skins(model: MorphableModel) -> None:
    """The astronaut is worn, the cat is not."""
    images = read_photos([DATA])
    assert {image.shape for image in images} >= {(320, 320, 3)}
    skins = make_skins(images)
    assert 1 <= len(skins) < len(images)
    worn = next(skin for skin in skins if skin.image.shape == (320, 320, 3))
    assert worn.vertices_px.shape == (len(model.mean), 2)
    nose = model.landmarks478.of(torch.from_numpy(worn.vertices_px)).numpy()[4]
    with np.load(DATA / "astronaut_detection.npz", allow_pickle=False) as file:
        assert np.linalg.norm(nose - file["landmarks_px"][4]) < 6


def test_no_faces_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="hold no faces"):
        read_samples([tmp_path])


@pytest.mark.usefixtures("small")
def test_a_file_is_trained(tmp_path: Path, model: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far too few faces to learn from, but the whole way, twice the same."""
    make_faces(tmp_path / "faces", 24, 2, [], None)
    options = TrainingOptions(components=20, hidden=8, epochs=2, batch=8)
    for name in ("a", "b"):
        train_file([tmp_path / "faces"], tmp_path / name, options)
    tensors, again = load_file(tmp_path / "a"), load_file(tmp_path / "b")
    assert tensors.keys() == again.keys()
    for name, value in tensors.items():
        assert np.abs(value - again[name]).mean() <= 0.02 * np.abs(value).mean(), name
    assert tensors["components"].dtype == np.float16
    samples = read_samples([tmp_path / "faces"])
    evidence = calibration_from(tensors)(samples.landmarks_px, samples.landmarks_z, samples.scores)
    assert evidence.identity.shape == (24, model.identity_size)
    assert np.isfinite(evidence.expression).all()
    assert np.linalg.det(evidence.rotation) == pytest.approx(np.ones(24))
