"""The animated GLB, read back by a small reader and posed by its own nodes, targets and animation."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import head_to_camera
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.model.parts import Part
from face3d.parameters import FaceParameters
from renderers.pose import Pose
from talkinghead.cli.program import main
from talkinghead.exports.glb import write_glb_animation
from talkinghead.exports.tracks import morph_targets
from talkinghead.photo.poses import nobody, to_parameters

FPS, FRAMES = 25.0, 40
RIGID = (Part.LOWER_TEETH, Part.TONGUE)
EYEBALLS = (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)
COMPONENTS = {5126: np.dtype("<f4"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class Glb:
    """A file's document and its arrays."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length, size, kind = struct.unpack_from("<4sIIII", data)
        assert (magic, version, length, kind) == (b"glTF", 2, len(data), 0x4E4F534A)
        self.document: dict[str, Any] = json.loads(data[20 : 20 + size])
        binary_size, binary_kind = struct.unpack_from("<II", data, 20 + size)
        assert (binary_kind, binary_size % 4) == (0x004E4942, 0)
        self.binary = data[28 + size :]
        assert len(self.binary) == binary_size == self.document["buffers"][0]["byteLength"]

    def view(self, index: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        view = self.document["bufferViews"][index]
        assert view["byteOffset"] % 4 == 0
        return np.frombuffer(self.binary, dtype, view["byteLength"] // dtype.itemsize, view["byteOffset"])

    def array(self, index: int) -> NDArray[Any]:
        """An accessor's values [N, C], its bounds checked."""
        accessor = self.document["accessors"][index]
        dtype, width = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]]
        values = np.zeros((accessor["count"], width), dtype)
        if "bufferView" in accessor:
            values = self.view(accessor["bufferView"], dtype).reshape(-1, width)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            rows = self.view(sparse["indices"]["bufferView"], COMPONENTS[sparse["indices"]["componentType"]])
            assert len(rows) == sparse["count"]
            assert (np.diff(rows.astype(int)) > 0).all()
            values = values.copy()
            values[rows] = self.view(sparse["values"]["bufferView"], dtype).reshape(-1, width)
        assert len(values) == accessor["count"]
        if "min" in accessor:
            np.testing.assert_array_equal(values.min(0), np.array(accessor["min"], dtype))
            np.testing.assert_array_equal(values.max(0), np.array(accessor["max"], dtype))
        return values

    def node(self, name: str) -> dict[str, Any]:
        return next(node for node in self.document["nodes"] if node["name"] == name)

    def tracks(self) -> dict[tuple[str, str], NDArray[Any]]:
        """(node, path) -> [T, ...]; all share their times."""
        animation = self.document["animations"][0]
        result = {}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            assert sampler["input"] == animation["samplers"][0]["input"]
            name = self.document["nodes"][channel["target"]["node"]]["name"]
            count = self.document["accessors"][sampler["input"]]["count"]
            result[name, channel["target"]["path"]] = self.array(sampler["output"]).reshape(count, -1)
        return result

    def points(self, mesh: int, frame: int) -> NDArray[np.float64]:
        """The posed vertices of a mesh in metres, in the scene."""
        tracks = self.tracks()
        node = next(n for n in self.document["nodes"] if n.get("mesh") == mesh)
        primitives = self.document["meshes"][mesh]["primitives"]
        assert len({json.dumps(p["attributes"]) + json.dumps(p.get("targets")) for p in primitives}) == 1
        points = self.array(primitives[0]["attributes"]["POSITION"]).astype(float)
        if mesh == 0:
            targets = [self.array(target["POSITION"]) for target in primitives[0]["targets"]]
            points = points + np.tensordot(tracks["head", "weights"][frame], targets, 1)
        head = Rotation.from_quat(tracks["head", "rotation"][frame])
        if mesh:
            points = Rotation.from_quat(tracks[node["name"], "rotation"][frame]).apply(points) + node["translation"]
        return head.apply(points) + tracks["head", "translation"][frame]


def performance(frames: int = FRAMES) -> FaceParameters:
    """Random faces, turns beyond half a turn (quaternions must not jump), a residual."""
    generator = torch.Generator().manual_seed(0)
    model = load_default_model()
    # A tongue that is out turns with the jaw, which no sum of displacements says.
    without_tongue = 1 - torch.eye(52)[ARKIT_INDEX["tongueOut"]]
    poses = [
        Pose(
            torch.rand(52, generator=generator) * without_tongue,
            torch.tensor([0.1, 0.2 * i - 2.5, 0.05]),
            0.6 * torch.rand(2, 2, generator=generator) - 0.3,
        )
        for i in range(frames)
    ]
    identity = 0.7 * torch.randn(model.identity_size, generator=generator)
    residual = 0.05 * torch.randn(len(model.mean), 3, generator=generator)
    person = dataclasses.replace(nobody(1), identity=identity, shape_residual=residual)
    return dataclasses.replace(to_parameters(poses, person, FPS), shape_residual=residual)


@pytest.fixture(scope="module")
def parameters() -> FaceParameters:
    return performance()


@pytest.fixture(scope="module")
def glb(parameters: FaceParameters, tmp_path_factory: pytest.TempPathFactory) -> Glb:
    path = tmp_path_factory.mktemp("glb") / "y.glb"
    write_glb_animation(parameters, path)
    return Glb(path)


def in_scene(model: MorphableModel, parameters: FaceParameters, frame: int) -> NDArray[np.float64]:
    """Our own vertices as glTF has them: the camera at the origin looks along -z, metres."""
    assert parameters.shape_residual is not None
    person = model.with_residual(parameters.shape_residual)
    vertices = person.vertices(parameters.identity, parameters.expression[frame], parameters.eye_rotation[frame])
    placed = head_to_camera(vertices, parameters.rotation[frame], parameters.translation[frame])
    return placed.double().numpy() * [1, -1, -1] / 1000


def distances(points: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N] mm from each point to its place."""
    return 1000 * np.linalg.norm(points - expected, axis=-1)


@pytest.mark.parametrize("frame", [0, 17, FRAMES - 1])
def test_posed_vertices_are_the_model_s(
    frame: int, glb: Glb, parameters: FaceParameters, model: MorphableModel
) -> None:
    """All but the rigid parts of the jaw to a thousandth of a millimetre; those near their arc."""
    expected = in_scene(model, parameters, frame)
    triangles, labels = model.triangles.numpy(), model.triangle_parts.numpy()
    points = glb.points(0, frame)
    parts = [part for part in Part if part not in EYEBALLS]
    for part, primitive in zip(parts, glb.document["meshes"][0]["primitives"], strict=True):
        corners = points[glb.array(primitive["indices"]).reshape(-1, 3)]
        error = distances(corners, expected[triangles[labels == part]])
        assert error.max() < (3.5 if part in RIGID else 1e-3), part.name
    for mesh, part in enumerate(EYEBALLS, 1):
        points, ours = glb.points(mesh, frame), expected[model.part_vertices(part).numpy()]
        assert 1000 * cKDTree(ours).query(points)[0].max() < 1e-3
        assert 1000 * cKDTree(points).query(ours)[0].max() < 1e-3


def test_every_triangle_is_there_once(glb: Glb, model: MorphableModel) -> None:
    counts = [
        glb.document["accessors"][p["indices"]]["count"] // 3
        for mesh in glb.document["meshes"]
        for p in mesh["primitives"]
    ]
    assert sum(counts) == len(model.triangles)
    assert len(glb.document["meshes"][1]["primitives"]) == 3  # white, iris, pupil


def test_names_and_hierarchy(glb: Glb, parameters: FaceParameters) -> None:
    document = glb.document
    assert document["meshes"][0]["extras"]["targetNames"] == list(ARKIT_NAMES)
    head = glb.node("head")
    assert [document["nodes"][i]["name"] for i in head["children"]] == ["left_eye", "right_eye"]
    assert glb.node("left_eye")["translation"][0] > 0 > glb.node("right_eye")["translation"][0]
    assert set(glb.tracks()) == {
        *(("head", path) for path in ("translation", "rotation", "weights")),
        *((f"{side}_eye", "rotation") for side in ("left", "right")),
    }
    colours = {m["name"]: m["pbrMetallicRoughness"]["baseColorFactor"] for m in document["materials"]}
    assert {"skin", "lips", "upper_teeth", "tongue", "iris"} <= set(colours)
    assert colours["upper_teeth"][2] > 0.7 > colours["skin"][2] > colours["iris"][2]
    perspective = document["cameras"][0]["perspective"]
    assert perspective["yfov"] == pytest.approx(2 * np.arctan(256 / 1000))
    # Without playing, a viewer shows the first frame.
    assert document["meshes"][0]["weights"] == pytest.approx(parameters.expression[0].tolist())


def test_animation_keeps_time_and_rotations_do_not_jump(glb: Glb) -> None:
    times = glb.array(glb.document["animations"][0]["samplers"][0]["input"])[:, 0]
    np.testing.assert_allclose(times, np.arange(FRAMES) / FPS, atol=1e-6)
    turns = glb.tracks()["head", "rotation"]
    np.testing.assert_allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)
    assert ((turns[1:] * turns[:-1]).sum(1) > 0.9).all()


def test_attributes_are_what_viewers_expect(glb: Glb) -> None:
    for mesh in glb.document["meshes"]:
        attributes = mesh["primitives"][0]["attributes"]
        np.testing.assert_allclose(np.linalg.norm(glb.array(attributes["NORMAL"]), axis=1), 1, atol=1e-5)
        uv = glb.array(attributes["TEXCOORD_0"])
        assert uv.min() >= 0
        assert uv.max() <= 1
        for primitive in mesh["primitives"]:
            assert glb.array(primitive["indices"]).max() < len(uv)
    # Outside is counter-clockwise: normals and triangles agree.
    primitive = glb.document["meshes"][0]["primitives"][0]
    points, normals = (glb.array(primitive["attributes"][name]) for name in ("POSITION", "NORMAL"))
    corners = glb.array(primitive["indices"]).reshape(-1, 3)
    a, b, c = points[corners].transpose(1, 0, 2)
    assert ((np.cross(b - a, c - a) * normals[corners[:, 0]]).sum(1) > 0).mean() > 0.98


def test_the_jaw_s_line_is_the_best_one(model: MorphableModel) -> None:
    """Teeth move with jawOpen, never further from their arc than 2 mm, and not at all with a smile."""
    targets = morph_targets(model, model.mean)
    teeth = model.part_vertices(Part.LOWER_TEETH)
    jaw = ARKIT_INDEX["jawOpen"]
    assert targets[jaw][teeth, 1].max() < -5
    assert targets[ARKIT_INDEX["mouthSmileLeft"]][teeth].abs().max() == 0
    squares = []
    for line in (targets[jaw], 0.95 * targets[jaw], 1.05 * targets[jaw]):
        errors = []
        for weight in np.linspace(0, 1, 21):
            expression = torch.zeros(52)
            expression[jaw] = weight
            arc = model.vertices(torch.zeros(1), expression) - model.mean
            errors.append((weight * line - arc)[teeth].norm(dim=1))
        squares.append(float(torch.stack(errors).square().mean()))
        if line is targets[jaw]:
            assert torch.stack(errors).max() < 2
    assert squares[0] == min(squares)


def test_the_file_is_small(glb: Glb, tmp_path: Path) -> None:
    """About 1 MB for the head, 250 bytes for a frame."""
    assert len(glb.binary) < 1_200_000
    write_glb_animation(performance(2 * FRAMES), tmp_path / "y.glb")
    assert len(Glb(tmp_path / "y.glb").binary) - len(glb.binary) < 300 * FRAMES


def test_a_fitted_texture_is_put_on(parameters: FaceParameters, tmp_path: Path) -> None:
    """Linear albedo with v upwards, stored as sRGB with v downwards."""
    texture = torch.zeros(8, 8, 3)
    texture[:4, :, 0] = 0.5
    write_glb_animation(dataclasses.replace(parameters.frames(0, 1), texture=texture), tmp_path / "y.glb")
    glb = Glb(tmp_path / "y.glb")
    image = glb.document["images"][0]
    picture = np.asarray(Image.open(io.BytesIO(glb.view(image["bufferView"], np.dtype("u1")).tobytes())))
    assert picture[0, 0].tolist() == [188, 0, 0]
    assert picture[7, 0].tolist() == [0, 0, 0]
    face = next(m for m in glb.document["materials"] if m["name"] == "face")
    assert face["pbrMetallicRoughness"]["baseColorTexture"] == {"index": 0}


def test_the_command(parameters: FaceParameters, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parameters.frames(0, 1).save(tmp_path / "y.safetensors")
    output = tmp_path / "y.glb"
    command = ["export", str(tmp_path / "y.safetensors"), "--format", "glb", "--output", str(output)]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{output}: glb, 1 frame\n"
    assert Glb(output).document["asset"]["version"] == "2.0"
    parameters.frames(0, 0).save(tmp_path / "y.safetensors")
    assert main(command) == 2
    assert "no frames" in capsys.readouterr().err


VALIDATE = """
const { validateBytes } = require(process.argv[1]);
const bytes = new Uint8Array(require("fs").readFileSync(process.argv[2]));
validateBytes(bytes).then(report => console.log(JSON.stringify(report.issues)));
"""


def test_khronos_validator_finds_nothing(parameters: FaceParameters, tmp_path: Path) -> None:
    """Needs `npm install gltf-validator`, and its folder in GLTF_VALIDATOR."""
    node, validator = shutil.which("node"), os.environ.get("GLTF_VALIDATOR")
    if node is None or validator is None:
        pytest.skip("node, or the folder of the npm package gltf-validator in GLTF_VALIDATOR, is not there")
    for name, change in {"plain": {}, "textured": {"texture": torch.full((8, 8, 3), 0.5)}}.items():
        path = tmp_path / f"{name}.glb"
        write_glb_animation(dataclasses.replace(parameters, **change), path)  # type: ignore[arg-type]
        result = subprocess.run(
            [node, "-e", VALIDATE, validator, str(path)], capture_output=True, text=True, check=True
        )
        issues = json.loads(result.stdout)
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:5]
