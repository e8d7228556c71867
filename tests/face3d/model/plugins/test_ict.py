"""ICT-FaceKit from its checked-out folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.ict import ICT_TOPOLOGY, IctTopology, expression_files, load_ict, read_obj
from face3d.model.plugins.plugin import PluginModel


@pytest.fixture(scope="module")
def ict(ict_folder: Path, ict_topology: IctTopology) -> PluginModel:
    return load_ict(ict_folder, ict_topology)


def test_frame_units_and_parts(ict: PluginModel, model: MorphableModel, head: Any) -> None:
    assert ict.name == "ict-facekit"
    torch.testing.assert_close(ict.eye_centers(ict.mean), model.eye_centers(model.mean), atol=0.01, rtol=0)
    assert (ict.landmarks68.of(ict.mean) - model.landmarks68.of(model.mean)).norm(dim=1).max() < 5
    assert set(ict.triangle_parts.tolist()) == {Part.SKIN, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL}
    np.testing.assert_allclose(ict.identity_basis.numpy(), head.identity, atol=1e-3)


def test_expressions_go_by_name(ict: PluginModel, head: Any) -> None:
    """Sides, halves that are added, units that the folder does not have, files that are no unit."""
    assert ict.native_expression is None
    present = ["jawOpen", "jawLeft", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "mouthRight", "browInnerUp"]
    assert set(ict.missing) == set(ARKIT_NAMES) - set(present)
    skin = ict.part_vertices(Part.SKIN).numpy()
    for name in present:
        unit, truth = (basis[ARKIT_INDEX[name]][skin] for basis in (ict.expression_basis.numpy(), head.expression))
        middle = np.abs(head.vertices[skin, 0] - 3.0) < 1e-6  # the halves of the brows share it
        np.testing.assert_allclose(unit[~middle], truth[~middle], atol=2e-3)
    absent = [ARKIT_INDEX[name] for name in ict.missing]
    assert ict.expression_basis[absent].abs().max() == 0
    assert ict.expression_basis[:, ict.part_vertices(Part.LEFT_EYEBALL)].abs().max() == 0


def test_every_arkit_unit_but_the_tongue_has_its_file_names(tmp_path: Path) -> None:
    """The names that ICT-FaceKit lists in its `vertex_indices.json`."""
    paired = (
        "browDown browInnerUp browOuterUp cheekPuff cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp"
    )
    paired += " eyeSquint eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp"
    paired += " noseSneer"
    single = (
        "jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker mouthRight mouthRollLower"
    )
    single += " mouthRollUpper mouthShrugLower mouthShrugUpper"
    names = {f"{name}_{side}" for name in paired.split() for side in "LR"} | set(single.split())
    assert len(names) == 53
    for name in names:
        (tmp_path / f"{name}.obj").touch()
    used = {name: [path.stem for path in expression_files(tmp_path, name)] for name in ARKIT_NAMES}
    assert [name for name, files in used.items() if not files] == ["tongueOut"]
    assert sorted(file for files in used.values() for file in files) == sorted(names)
    assert used["cheekPuff"] == ["cheekPuff_L", "cheekPuff_R"]
    assert used["mouthSmileRight"] == ["mouthSmile_R"]


def test_lips_that_touch_are_told_apart(ict: PluginModel) -> None:
    motion = ict.landmarks478.of(ict.expression_basis)[ARKIT_INDEX["jawOpen"]]
    assert motion[13].norm() < 3
    assert motion[14, 1] < -15


def test_the_real_mesh_s_numbers() -> None:
    assert len(ICT_TOPOLOGY.landmarks68) == len(set(ICT_TOPOLOGY.landmarks68)) == 68
    ends = [end + 1 for _, end, _ in ICT_TOPOLOGY.ranges]
    assert [start for start, _, _ in ICT_TOPOLOGY.ranges] == [11248, *ends[:-1]]
    assert ends[-1] == 26719
    assert max(ICT_TOPOLOGY.landmarks68) < 9409  # all on the face


def test_polygons_are_cut_into_triangles(tmp_path: Path) -> None:
    text = "o x\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvn 0 0 1\nf 1/1/1 2/2/1 3/3/1 4/4/1\nf 1 3 4\n"
    (tmp_path / "x.obj").write_text(text)
    vertices, triangles = read_obj(tmp_path / "x.obj")
    assert vertices.shape == (4, 3)
    assert triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]


@pytest.mark.parametrize("text", ["", "v 1 2\nv a b c\n", "v 0 0 0\nf 1 2 9\n", "\x00\x01"])
def test_damaged_meshes(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.obj").write_text(text)
    with pytest.raises(InputError, match="no Wavefront"):
        read_obj(tmp_path / "x.obj")


def test_other_folders(ict_folder: Path, ict_topology: IctTopology, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no generic_neutral_mesh\.obj"):
        load_ict(tmp_path, ict_topology)
    with pytest.raises(InputError, match="ICT-FaceKit's mesh has 26719"):
        load_ict(ict_folder)
    shutil.copy(ict_folder / "FaceXModel" / "generic_neutral_mesh.obj", tmp_path)
    with pytest.raises(InputError, match="is the checkout complete"):
        load_ict(tmp_path, ict_topology)
    (tmp_path / "identity000.obj").write_text("v 0 0 0\n")
    with pytest.raises(InputError, match="has 1 vertices, the neutral mesh has"):
        load_ict(tmp_path, ict_topology)
