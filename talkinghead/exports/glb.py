"""Face parameters as an animated GLB (binary glTF 2.0), for Blender, Unreal Engine, three.js and other viewers.

Scene: the head's node moves and turns and carries a mesh with one material for each part and 52 morph targets named as
ARKit names them (`extras.targetNames`); its two children are the eyeballs, which turn. The picture's camera stands at
the origin and looks along -z, as glTF's cameras do. Metres, +y up; the head's own frame is the model's.

Morph targets add up, but the lower jaw turns: the path of the lower teeth and the tongue is replaced by the straight
line next to it (least squares over weights from 0 to 1). Everything else is exact. Targets are stored as sparse
accessors, as most of them move a small part of the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from face3d.arkit import ARKIT_NAMES
from face3d.camera import Camera
from face3d.errors import InputError
from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.registry import model_of
from face3d.parameters import FaceParameters
from renderers.raster.shading import vertex_normals
from talkinghead.exports.gltf import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, GltfBuffer, index_array, write_glb
from talkinghead.exports.materials import Materials
from talkinghead.exports.tracks import METRES, eye_quaternions, head_motion, morph_targets
from talkinghead.media.output import complete_file

# Morph displacements below this many metres are left out.
SMALLEST_MOTION = 1e-6
_EYEBALLS = (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)
_EYE_NAMES = ("left_eye", "right_eye")
_IRIS_COLOUR, _PUPIL_COLOUR = (104, 74, 52), (16, 12, 10)
_PUPIL_SHARE = 0.5  # of the iris's radius
_HEAD_NODE, _FIRST_EYE_NODE = 1, 2


@dataclass(frozen=True)
class _Surface:
    """Triangles of the model as glTF needs them: one vertex for each pair of a position and a place in the atlas.

    Attributes:
        sources: [N] the model's vertex behind each glTF vertex.
        uv: [N, 2] with v down, or None.
        triangles: [F, 3] into the N vertices.
        faces: [F] the model's triangle behind each.
    """

    sources: NDArray[np.int64]
    uv: NDArray[np.float32] | None
    triangles: NDArray[np.int64]
    faces: NDArray[np.int64]

    @classmethod
    def of(cls, model: MorphableModel, faces: NDArray[np.int64]) -> _Surface:
        """The part of the model that these triangles make."""
        corners = model.triangles.numpy()[faces].reshape(-1)
        if not len(model.uv):
            sources, inverse = np.unique(corners, return_inverse=True)
            return cls(sources, None, inverse.reshape(-1, 3), faces)
        pairs = np.stack([corners, model.uv_triangles.numpy()[faces].reshape(-1)], 1)
        pairs, inverse = np.unique(pairs, axis=0, return_inverse=True)
        uv = model.uv.numpy()[pairs[:, 1]] * [1, -1] + [0, 1]
        return cls(pairs[:, 0], uv.astype("<f4"), inverse.reshape(-1, 3), faces)


def write_glb_animation(parameters: FaceParameters, output: str | Path, model: MorphableModel | None = None) -> None:
    """Write the whole animation; see the module's text.

    Raises:
        InputError: there are no frames, or the parameters' model cannot be loaded.
    """
    if not len(parameters):
        raise InputError("The parameters hold no frames, so there is nothing to animate.")
    document, buffer = build_document(parameters, model_of(parameters, model))
    with complete_file(output) as temporary, temporary.open("wb") as file:
        write_glb(file, document, buffer)


def build_document(parameters: FaceParameters, model: MorphableModel) -> tuple[dict[str, Any], GltfBuffer]:
    """The glTF document of the person of `model` (with their residual) and its buffer."""
    buffer = GltfBuffer()
    neutral = model.neutral(parameters.identity)
    materials = Materials(buffer, parameters.texture)
    eyes = [side for side, part in enumerate(_EYEBALLS) if len(model.part_vertices(part))]
    centers = model.eye_centers(neutral)
    meshes = [_head_mesh(buffer, materials, model, parameters, neutral)]
    meshes += [_eye_mesh(buffer, materials, model, neutral, centers[side], side) for side in eyes]
    head, turns = head_motion(parameters), eye_quaternions(parameters.eye_rotation)
    nodes: list[dict[str, Any]] = [
        {"name": "camera", "camera": 0},
        {
            "name": "head",
            "mesh": 0,
            "translation": head[0][0].tolist(),
            "rotation": head[1][0].tolist(),
            "children": [_FIRST_EYE_NODE + i for i in range(len(eyes))],
        },
    ]
    nodes += [
        {
            "name": _EYE_NAMES[side],
            "mesh": 1 + i,
            "translation": (centers[side] * METRES).tolist(),
            "rotation": turns[0, side].tolist(),
        }
        for i, side in enumerate(eyes)
    ]
    if not eyes:
        del nodes[_HEAD_NODE]["children"]
    tracks = [(_HEAD_NODE, "translation", head[0]), (_HEAD_NODE, "rotation", head[1])]
    tracks.append((_HEAD_NODE, "weights", parameters.expression.clamp(0, 1).numpy().astype("<f4").reshape(-1)))
    tracks += [(_FIRST_EYE_NODE + i, "rotation", turns[:, side]) for i, side in enumerate(eyes)]
    document = {
        "asset": {"generator": "talkinghead"},
        "scene": 0,
        "scenes": [{"name": "scene", "nodes": [0, _HEAD_NODE]}],
        "nodes": nodes,
        "cameras": [_camera(parameters.camera)],
        "meshes": meshes,
        "materials": materials.materials,
        "animations": [_animation(buffer, tracks, len(parameters), parameters.fps)],
    }
    return document | materials.images, buffer


def _head_mesh(
    buffer: GltfBuffer, materials: Materials, model: MorphableModel, parameters: FaceParameters, neutral: Tensor
) -> dict[str, Any]:
    labels = model.triangle_parts.numpy()
    surface = _Surface.of(model, np.flatnonzero(~np.isin(labels, _EYEBALLS)))
    attributes = _attributes(buffer, model, surface, neutral)
    deltas = (morph_targets(model, neutral)[:, surface.sources] * METRES).numpy().astype("<f4")
    targets = [{"POSITION": buffer.add_sparse(delta, SMALLEST_MOTION)} for delta in deltas]
    parts = labels[surface.faces]
    primitives = [
        {
            "attributes": attributes,
            "targets": targets,
            "indices": _indices(buffer, surface.triangles[parts == part], len(surface.sources)),
            "material": materials.of(Part(part)),
        }
        for part in np.unique(parts)
    ]
    weights = parameters.expression[0].clamp(0, 1).tolist()
    return {
        "name": "head",
        "primitives": primitives,
        "weights": weights,
        "extras": {"targetNames": list(ARKIT_NAMES)},
    }


def _eye_mesh(
    buffer: GltfBuffer, materials: Materials, model: MorphableModel, neutral: Tensor, center: Tensor, side: int
) -> dict[str, Any]:
    """An eyeball about its own centre; its iris and pupil are told from the white by their distance to the pole."""
    part = _EYEBALLS[side]
    surface = _Surface.of(model, np.flatnonzero(model.triangle_parts.numpy() == part))
    attributes = _attributes(buffer, model, surface, neutral - center, neutral)
    iris = model.landmarks478.of(neutral)[list((LEFT_IRIS, RIGHT_IRIS)[side])]
    radius = float((iris[1:] - iris[0]).norm(dim=1).mean())
    middles = neutral[model.triangles[surface.faces]].mean(1)
    distance = (middles - iris[0]).norm(dim=1).numpy()
    zones = [
        (distance >= radius, materials.of(part)),
        ((distance < radius) & (distance >= _PUPIL_SHARE * radius), materials.plain("iris", _IRIS_COLOUR)),
        (distance < _PUPIL_SHARE * radius, materials.plain("pupil", _PUPIL_COLOUR)),
    ]
    primitives = [
        {
            "attributes": attributes,
            "indices": _indices(buffer, surface.triangles[chosen], len(surface.sources)),
            "material": material,
        }
        for chosen, material in zones
        if chosen.any()
    ]
    return {"name": _EYE_NAMES[side], "primitives": primitives}


def _attributes(
    buffer: GltfBuffer, model: MorphableModel, surface: _Surface, positions: Tensor, neutral: Tensor | None = None
) -> dict[str, int]:
    """Accessors of `positions` [V, 3] mm, their normals and their places in the atlas."""
    normals = vertex_normals(positions if neutral is None else neutral, model.triangles)
    # A vertex whose triangles have no area has no normal; glTF wants unit vectors.
    normals[normals.norm(dim=1) < 0.5] = normals.new_tensor([0.0, 0.0, 1.0])
    points = (positions * METRES).numpy().astype("<f4")[surface.sources]
    result = {
        "POSITION": buffer.add(points, ARRAY_BUFFER, bounds=True),
        "NORMAL": buffer.add(normals.numpy().astype("<f4")[surface.sources], ARRAY_BUFFER),
    }
    if surface.uv is not None:
        result["TEXCOORD_0"] = buffer.add(surface.uv, ARRAY_BUFFER)
    return result


def _indices(buffer: GltfBuffer, triangles: NDArray[np.int64], count: int) -> int:
    return buffer.add(index_array(triangles.reshape(-1), count), ELEMENT_ARRAY_BUFFER)


def _animation(
    buffer: GltfBuffer, tracks: list[tuple[int, str, NDArray[np.float32]]], frames: int, fps: float
) -> dict[str, Any]:
    times = buffer.add((np.arange(frames) / fps).astype("<f4"), bounds=True)
    return {
        "name": "performance",
        "samplers": [{"input": times, "output": buffer.add(np.ascontiguousarray(v))} for _, _, v in tracks],
        "channels": [
            {"sampler": i, "target": {"node": node, "path": path}} for i, (node, path, _) in enumerate(tracks)
        ],
    }


def _camera(camera: Camera) -> dict[str, Any]:
    """glTF's cameras look through the middle of the picture: another principal point is lost."""
    width, height = camera.image_size
    return {
        "type": "perspective",
        "perspective": {
            "yfov": 2 * math.atan(height / 2 / camera.focal_px),
            "aspectRatio": width / height,
            "znear": 0.01,
        },
    }
