"""What a fitted video shows of a person's own way to move: corrections of the model's shapes at the landmarks.

A linear regression of the landmarks' residuals on the expression weights, as the personal blendshapes of example-based
facial rigging (Li, Weise & Pauly 2010), in closed form: with R_t the head's rotation, w_t its weights and e_t a
landmark's residual in millimetres parallel to the picture, find the offsets D_k in the head frame that minimise

    sum_t |e_t - P R_t (D_0 + sum_k w_tk D_k)|^2 / noise^2 + sum_k |D_k / deviation_k|^2,

P leaving out the depth. What the video does not show stays at zero.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.blas_threads import limited_blas_threads
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix, head_to_camera
from face3d.errors import InputError
from face3d.fit.problem import IRIS_FIRST
from face3d.model.landmark_motion import LandmarkMotion
from face3d.model.landmark_sets import FACE_OVAL
from face3d.model.mesh_field import MeshField
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.parameters import FaceParameters

Array = NDArray[np.float64]

# Standard deviations (x, y, z), mm: of the shape at rest, and of an expression at weight 1; depth is hardly seen.
_REST_MM, _EXPRESSION_MM = (2.5, 2.5, 2.5), (2.0, 2.0, 0.6)
# Of a landmark's residual, mm; neighbouring frames err alike, so this many of them count as one.
_NOISE_MM, _ALIKE = 0.8, 4.0
# Detected outlines slide over the skin as the head turns.
_OUTLINE_NOISE = 3.0
_MOST_FRAMES = 1000


def fit_personal_shapes(
    motion: LandmarkMotion,
    parameters: FaceParameters,
    landmarks_px: NDArray[np.floating],  # [T, 478, 2]
) -> Tensor:  # [53, 468, 3] mm
    """Offsets at rest, then those of each expression at weight 1; see `FaceParameters.landmark_shapes`.

    Args:
        motion: the landmarks of the person's identity.
        parameters: the fitted video without personal shapes; frames with a confidence below 1 are not used.
        landmarks_px: the detected points.
    """
    measured = np.flatnonzero(parameters.confidence.numpy() == 1)
    index = measured[np.unique(np.linspace(0, len(measured) - 1, min(_MOST_FRAMES, len(measured))).round().astype(int))]
    turn, weights, residual = _residuals(motion, parameters, landmarks_px, index)
    # [2, 3] of each frame and [53] weights make the rows of one system for all landmarks.
    rows = np.einsum("tk,tcd->tckd", weights, turn).reshape(2 * len(index), -1)
    deviation = np.concatenate([_REST_MM, np.tile(_EXPRESSION_MM, 52)])
    result = np.empty((rows.shape[1], IRIS_FIRST))
    outline = np.isin(np.arange(IRIS_FIRST), FACE_OVAL)
    for chosen, noise in ((~outline, _NOISE_MM), (outline, _OUTLINE_NOISE * _NOISE_MM)):
        prior = np.diag(_ALIKE * noise**2 / deviation**2)
        wanted = residual[:, :, chosen].reshape(2 * len(index), -1)
        with limited_blas_threads(1):
            result[:, chosen] = np.linalg.solve(rows.T @ rows + prior, rows.T @ wanted)
    offsets = result.reshape(53, 3, IRIS_FIRST).transpose(0, 2, 1)
    return torch.from_numpy(np.ascontiguousarray(offsets)).float()


def _residuals(
    motion: LandmarkMotion, parameters: FaceParameters, landmarks_px: NDArray[np.floating], index: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """P R_t [T, 2, 3], (1, w_t) [T, 53] and e_t [T, 2, 468] mm of frames `index`."""
    frames = torch.from_numpy(index)
    expression = parameters.expression[frames]
    points = motion.points(expression, parameters.eye_rotation[frames])[:, :IRIS_FIRST]
    placed = head_to_camera(points, parameters.rotation[frames], parameters.translation[frames])
    difference = landmarks_px[index, :IRIS_FIRST] - parameters.camera.project(placed).numpy()
    millimetres = difference * (placed[..., 2:] / parameters.camera.focal_px).numpy()
    flip = torch.tensor(HEAD_TO_CAMERA_DIAGONAL)
    turn = (flip[:, None] * axis_angle_to_matrix(parameters.rotation[frames]))[:, :2]
    weights = torch.cat([torch.ones(len(index), 1), expression], 1)
    return turn.double().numpy(), weights.double().numpy(), millimetres.transpose(0, 2, 1).astype(np.float64)


def personal_model(parameters: FaceParameters, model: MorphableModel | None = None) -> MorphableModel:
    """The model of the person of `parameters`: `model` (the default one when not given) with their shape residual and
    personal shapes.

    Raises:
        InputError: the parameters are those of another model.
    """
    model = model or load_default_model()
    residual = parameters.shape_residual
    if parameters.model != model.name:
        raise InputError(
            f"The face parameters are those of the face model {parameters.model} where {model.name} is needed; "
            f"talkinghead convert FILE --to {model.name} makes the one of the other."
        )
    if parameters.identity.numel() > model.identity_size or (
        residual is not None and residual.shape != model.mean.shape
    ):
        raise InputError(f"The face parameters do not fit {model.name}: they are another version's or damaged.")
    if residual is not None:
        model = model.with_residual(residual)
    if parameters.landmark_shapes is not None:
        model = with_personal_shapes(model, parameters.landmark_shapes)
    return model


@lru_cache(maxsize=4)
def with_personal_shapes(model: MorphableModel, shapes: Tensor) -> MorphableModel:
    """The model with offsets spread smoothly over the mesh.

    Args:
        model: the face model.
        shapes: [53, 468, 3] mm; kept for the tensors used last, so it must not be changed.
    """
    values = shapes.permute(1, 0, 2).reshape(IRIS_FIRST, -1).double().numpy()
    with limited_blas_threads(1):  # on a busy machine, BLAS threads mostly wait for each other
        spread = _field(model).spread(values)
    fields = torch.from_numpy(spread).to(model.mean)
    fields = fields.reshape(len(model.mean), 53, 3).transpose(0, 1)
    return model.with_shapes(fields[0], fields[1:])


@lru_cache(maxsize=2)
def _field(model: MorphableModel) -> MeshField:
    points = model.landmarks478
    corners, weights = points.triangles[:IRIS_FIRST].numpy(), points.barycentric[:IRIS_FIRST].double().numpy()
    return MeshField(model.triangles.numpy(), len(model.mean), corners, weights, np.full(IRIS_FIRST, 30.0), pull=1e-3)
