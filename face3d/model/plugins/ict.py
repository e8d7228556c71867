"""ICT-FaceKit (USC ICT, MIT): the folder of a checked-out github.com/ICT-VGL/ICT-FaceKit.

Layout: `FaceXModel/generic_neutral_mesh.obj`, `identityNNN.obj` (the mean face plus one standard deviation of a mode)
and one `.obj` for each expression, named as ARKit's units with `_L` and `_R` for Left and Right; browInnerUp and
cheekPuff come in halves, which are added. Centimetres, +x to the subject's left, +y up, +z out of the face; 26,719
vertices whose ranges and 68 landmarks the README gives. There is no tongueOut; `cheekRaiser_*` and `PupilDilate_*` are
no ARKit units.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from face3d.arkit import ARKIT_NAMES
from face3d.errors import InputError
from face3d.model.parts import Part
from face3d.model.plugins.measured import load_measured
from face3d.model.plugins.plugin import PluginModel, RawModel, assemble, vertex_points
from face3d.model.plugins.surface import Array, Indices

MILLIMETRES = 10.0  # in a centimetre
FOLDER = "FaceXModel"
_NEUTRAL = "generic_neutral_mesh"


@dataclass(frozen=True)
class IctTopology:
    """What the vertices of the mesh are.

    Attributes:
        ranges: (first, last, part) of vertices that are not skin.
        landmarks68: vertices of the 68 iBUG (Multi-PIE) points.
    """

    ranges: tuple[tuple[int, int, Part], ...]
    landmarks68: tuple[int, ...]


ICT_TOPOLOGY = IctTopology(
    ranges=(
        (11248, 13293, Part.INNER_MOUTH),
        (13294, 14061, Part.EYE_SOCKET),
        (14062, 17038, Part.INNER_MOUTH),  # gums and tongue
        (17039, 19246, Part.UPPER_TEETH),
        (19247, 21450, Part.LOWER_TEETH),
        (21451, 23020, Part.LEFT_EYEBALL),
        (23021, 24590, Part.RIGHT_EYEBALL),
        (24591, 25350, Part.EYE_SOCKET),  # transparent films between eyeball and lids
        (25351, 26718, Part.LASHES),
    ),
    landmarks68=(
        *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443),
        *(268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509),
        *(978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360),
        *(1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732),
        *(5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841),
        *(5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
    ),
)


def load_ict(folder: str | Path, topology: IctTopology = ICT_TOPOLOGY) -> PluginModel:
    """Read the folder (or its `FaceXModel`); about 150 text files.

    Raises:
        InputError: the neutral mesh is missing, or a file does not fit it.
    """
    folder = Path(folder)
    if (folder / FOLDER).is_dir():
        folder = folder / FOLDER
    if not (folder / f"{_NEUTRAL}.obj").is_file():
        raise InputError(f"{folder} holds no {_NEUTRAL}.obj: give the folder of a checked-out ICT-FaceKit.")
    mean, triangles = read_obj(folder / f"{_NEUTRAL}.obj")
    highest = max(max(topology.landmarks68), topology.ranges[-1][1])
    if len(mean) <= highest:
        raise InputError(f"{folder / _NEUTRAL}.obj has {len(mean)} vertices, ICT-FaceKit's mesh has {highest + 1}.")
    identity = [_displacement(path, mean) for path in sorted(folder.glob("identity[0-9]*.obj"))]
    if not identity:
        raise InputError(f"{folder} holds no identityNNN.obj: is the checkout complete?")
    named = {}
    for name in ARKIT_NAMES:
        halves = [_displacement(path, mean) for path in expression_files(folder, name)]
        if halves:
            named[name] = np.sum(halves, 0) * MILLIMETRES
    return assemble(
        RawModel(
            name="ict-facekit",
            vertices=mean * MILLIMETRES,
            identity=np.stack(identity) * MILLIMETRES,
            triangles=triangles,
            parts=parts_of(topology, triangles),
            landmarks68=vertex_points(np.array(topology.landmarks68), triangles),
            landmarks478=load_measured(folder, len(mean)),
            named=named,
        )
    )


def expression_files(folder: Path, name: str) -> list[Path]:
    """The files whose displacements make an ARKit unit: its own, or both halves."""
    whole, *halves = (folder / f"{stem}.obj" for stem in sided_names(name))
    if whole.is_file():
        return [whole]
    return halves if halves and all(path.is_file() for path in halves) else []


def sided_names(name: str) -> list[str]:
    """How the model calls an ARKit unit: its own name, and those of its halves where it may come in halves."""
    for ending in ("Left", "Right"):
        if name.endswith(ending) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return [f"{name.removesuffix(ending)}_{ending[0]}"]
    return [name, f"{name}_L", f"{name}_R"]


def read_obj(path: Path, with_faces: bool = True) -> tuple[Array, Indices]:
    """The vertices [V, 3] and, if wanted, the faces as triangles [F, 3] of a Wavefront file.

    Polygons are cut into fans.
    """
    try:
        lines = path.read_bytes().splitlines()
        vertices = [line[2:] for line in lines if line.startswith(b"v ")]
        points = np.array(b" ".join(vertices).split(), float).reshape(len(vertices), -1)[:, :3]
        polygons = [line.split()[1:] for line in lines if line.startswith(b"f ")] if with_faces else []
        corners = [[int(corner.split(b"/")[0]) - 1 for corner in polygon] for polygon in polygons]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no Wavefront .obj file, or a damaged one.") from error
    fans = [(face[0], face[i], face[i + 1]) for face in corners for i in range(1, len(face) - 1)]
    triangles = np.array(fans, np.int64).reshape(-1, 3)
    if not len(points) or (len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(points)):
        raise InputError(f"{path} is no Wavefront .obj file, or a damaged one.")
    return points, triangles


def _displacement(path: Path, mean: Array) -> Array:
    points, _ = read_obj(path, with_faces=False)
    if points.shape != mean.shape:
        raise InputError(f"{path} has {len(points)} vertices, the neutral mesh has {len(mean)}.")
    return points - mean


def parts_of(topology: IctTopology, triangles: Indices) -> Indices:  # [F, 3] -> [F]
    """The `Part` of each triangle."""
    parts = np.full(len(triangles), int(Part.SKIN))
    for first, last, part in topology.ranges:
        parts[((triangles >= first) & (triangles <= last)).all(1)] = part
    return parts
