"""Files in the layouts of other models, made from the head that ships with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.ict import IctTopology

# Where the other models have their origin, mm.
ORIGIN = np.array([3.0, -40.0, 80.0])
MODES = 4
BLENDS = 30


@dataclass(frozen=True)
class Head:
    """Arrays in mm, the head frame moved by :data:`ORIGIN`; the triangles are clockwise, which loaders must notice.

    Attributes:
        vertices: [V, 3]; identity: [MODES, V, 3]; expression: [52, V, 3].
        triangles: [F, 3]; parts: [F] skin, lips and, if asked for, the eyeballs, sorted by part.
        keypoints: [68] vertices nearest to the iBUG points.
    """

    vertices: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    triangles: NDArray[np.int64]
    parts: NDArray[np.int64]
    keypoints: NDArray[np.int64]

    @classmethod
    def of(cls, model: MorphableModel, *parts: Part) -> Head:
        """The head with these parts only; their vertices are consecutive."""
        labels = model.triangle_parts.numpy()
        chosen = np.concatenate([np.flatnonzero(labels == part) for part in parts])
        corners = model.triangles.numpy()[chosen][:, ::-1]
        kept, first = np.unique(corners, return_index=True)
        kept = kept[np.argsort(first)]
        renumbered = np.full(len(model.mean), -1)
        renumbered[kept] = np.arange(len(kept))
        mean = model.mean.double().numpy()[kept]
        points = model.landmarks68.of(model.mean).double().numpy()
        skin = np.unique(renumbered[corners[np.isin(labels[chosen], (Part.SKIN, Part.LIPS))]])
        keypoints = skin[np.square(points[:, None] - mean[skin]).sum(-1).argmin(1)]
        fields = [model.identity_basis[:MODES], model.expression_basis]
        identity, expression = (field.double().numpy()[:, kept] for field in fields)
        return cls(mean + ORIGIN, identity, expression, renumbered[corners], labels[chosen], keypoints)


@pytest.fixture(scope="session")
def face(model: MorphableModel) -> Head:
    """Skin and lips alone, as in BFM."""
    return Head.of(model, Part.SKIN, Part.LIPS)


@pytest.fixture(scope="session")
def head(model: MorphableModel) -> Head:
    """With eyeballs, as in FLAME and ICT-FaceKit."""
    return Head.of(model, Part.SKIN, Part.LIPS, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)


def blends(expression: NDArray[np.float64]) -> NDArray[np.float64]:
    """A model's own expressions: mixtures of ARKit's, as those of a PCA are."""
    mixture = np.random.default_rng(0).standard_normal((BLENDS, 52)) / 4
    mixture[:, ARKIT_INDEX["tongueOut"]] = 0
    # One that opens the jaw alone, as every model can.
    mixture[0] = np.eye(52)[ARKIT_INDEX["jawOpen"]]
    return np.tensordot(mixture, expression, 1)


@pytest.fixture
def bfm_arrays(face: Head) -> dict[str, NDArray[np.generic]]:
    """The content of a `BFM_model_front.mat`: decimetres, counted from 1."""

    def columns(basis: NDArray[np.float64]) -> NDArray[np.float64]:
        return (basis / 100).reshape(len(basis), -1).T

    return {
        "meanshape": (face.vertices / 100).reshape(1, -1),
        "idBase": columns(face.identity),
        "exBase": columns(blends(face.expression)),
        "meantex": np.full((1, 3 * len(face.vertices)), 128.0),
        "texBase": np.zeros((3 * len(face.vertices), 2)),
        "tri": face.triangles + 1,
        "keypoints": face.keypoints[None] + 1,
    }


@pytest.fixture
def flame_arrays(flame_source: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """FLAME's arrays, to be changed at will."""
    return {name: array.copy() for name, array in flame_source.items()}


@pytest.fixture(scope="session")
def flame_source(head: Head) -> dict[str, NDArray[np.generic]]:
    """FLAME's arrays: metres; the jaw opens by skinning, the rest is mixtures."""
    count = len(head.vertices)
    template = head.vertices / 1000
    weights = np.zeros((count, 5))
    for joint, part in ((3, Part.LEFT_EYEBALL), (4, Part.RIGHT_EYEBALL)):
        weights[np.unique(head.triangles[head.parts == part]), joint] = 1
    jaw = np.linalg.norm(head.expression[ARKIT_INDEX["jawOpen"]], axis=1)
    weights[:, 2] = jaw / jaw.max()
    weights[:, 1] = 1 - weights[:, 2:].sum(1)
    regressor = np.zeros((5, count))
    regressor[:] = 1 / count
    for joint in (3, 4):
        regressor[joint] = weights[:, joint] / weights[:, joint].sum()
    directions = np.zeros((count, 3, 300 + BLENDS))
    directions[:, :, :MODES] = head.identity.transpose(1, 2, 0) / 1000
    directions[:, :, 300:] = blends(head.expression).transpose(1, 2, 0) / 1000
    return {
        "v_template": template,
        "shapedirs": directions,
        "posedirs": np.zeros((count, 3, 36)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "f": head.triangles.astype(np.uint32),
    }


@pytest.fixture(scope="session")
def flame_landmarks(head: Head) -> dict[str, NDArray[np.generic]]:
    """The embedding of 68 landmarks that FLAME projects bring."""
    faces = np.array([np.flatnonzero((head.triangles == v).any(1))[0] for v in head.keypoints])
    weights = (head.triangles[faces] == head.keypoints[:, None]).astype(float)
    return {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": weights[None]}


def write_obj(path: Path, vertices: NDArray[np.float64], triangles: NDArray[np.int64] | None = None) -> None:
    """A Wavefront file in centimetres, with texture coordinates and normals in its faces as ICT-FaceKit has them."""
    lines = ["# made by a test", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices / 10), "vt 0 0"]
    lines += ["f " + " ".join(f"{v + 1}/1" for v in face) for face in ([] if triangles is None else triangles)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def ict_topology(head: Head) -> IctTopology:
    """Where the parts are in the small mesh."""
    ranges = []
    for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL):
        vertices = np.unique(head.triangles[head.parts == part])
        ranges.append((int(vertices[0]), int(vertices[-1]), part))
    return IctTopology(tuple(ranges), tuple(int(v) for v in head.keypoints))


@pytest.fixture(scope="session")
def ict_folder(head: Head, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checked-out ICT-FaceKit with some of its expressions."""
    folder = tmp_path_factory.mktemp("ict")
    model = folder / "FaceXModel"
    model.mkdir()
    write_obj(model / "generic_neutral_mesh.obj", head.vertices, head.triangles)
    for index, mode in enumerate(head.identity):
        write_obj(model / f"identity{index:03}.obj", head.vertices + mode)
    for name in ("jawOpen", "jawLeft", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "mouthRight"):
        stem = name
        if name.startswith(("mouthSmile", "eyeBlink")):
            stem = name.replace("Left", "_L").replace("Right", "_R")
        write_obj(model / f"{stem}.obj", head.vertices + head.expression[ARKIT_NAMES.index(name)])
    for side, sign in (("L", 1), ("R", -1)):
        raised = head.expression[ARKIT_INDEX["browInnerUp"]] * (sign * (head.vertices[:, :1] - ORIGIN[0]) > 0)
        write_obj(model / f"browInnerUp_{side}.obj", head.vertices + raised)
    write_obj(model / "cheekRaiser_L.obj", head.vertices + 1.0)
    return folder
