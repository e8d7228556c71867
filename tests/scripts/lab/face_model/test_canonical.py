"""MediaPipe's canonical face."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_EYE,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    RIGHT_EYE,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from scripts.lab.face_model import canonical
from scripts.lab.face_model.canonical import canonical_points, mirror_twins


def test_canonical_face() -> None:
    points = canonical_points()
    assert points.shape == (468, 3)
    assert points[152, 1] == points[:, 1].min()  # chin
    assert points[263, 0] > 0 > points[33, 0]
    assert 12 < np.ptp(points[:, 0]) < 18  # a human head, in cm


def test_twins() -> None:
    twins = mirror_twins()
    assert (twins[twins] == np.arange(468)).all()
    for point in (1, 4, 94, 152, 10, 13, 14):  # on the middle line
        assert twins[point] == point
    pairs = zip((33, 133, 61, 78, 20, 242), (263, 362, 291, 308, 250, 462), strict=True)
    assert all(twins[a] == b for a, b in pairs)


def test_landmark_sets_are_symmetric() -> None:
    """What is listed on one side is listed on the other, in mirrored order."""
    twins = mirror_twins()
    assert [twins[i] for i in RIGHT_EYE] == list(LEFT_EYE)
    assert [twins[i] for i in RIGHT_UPPER_LID] == list(LEFT_UPPER_LID)
    for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS):
        assert [twins[i] for i in ring] == list(reversed(ring))
    assert {int(twins[i]) for i in FACE_OVAL} == set(FACE_OVAL)


def test_other_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "other.task"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("geometry_pipeline_metadata_landmarks.binarypb", b"\x0a\x07\x08\x00\x1d\x00\x00\x80\x3f\x20")
    monkeypatch.setattr(canonical, "asset_path", lambda name: bundle)
    with pytest.raises(RuntimeError, match="has 1 numbers, expected 2340"):
        canonical_points()
