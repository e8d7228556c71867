"""One joint step for the person and all photos: normal equations of landmarks, brightness and priors, with bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES, EYE_LOOK_CHANNELS
from renderers.photometric.face_region import FaceRegion
from renderers.photometric.landmark_term import LandmarkTerm
from renderers.photometric.options import Priors, RefineOptions
from renderers.photometric.patch import Patch, Shape, View
from renderers.photometric.photometric import Brightness

Array = NDArray[np.float64]

_POSE, _LIGHT = 6, 9
_EXPRESSION = len(ARKIT_NAMES)
# Turned by the eyeballs, or out of the picture's reach.
_FIXED_CHANNELS = (*EYE_LOOK_CHANNELS, ARKIT_INDEX["tongueOut"])
_RIDGE = 1e-6
_BOUND_ROUNDS = 6


@dataclass(frozen=True)
class Start:
    """Where the priors have their middle: identity [K], and rotation [3, 3], translation [3] mm and expression [52] of
    each photo."""

    identity: Array
    rotations: tuple[Array, ...]
    translations: tuple[Array, ...]
    expressions: tuple[Array, ...]


class Steps:
    """Makes Gauss-Newton steps.

    The unknowns are, in this order: identity, residual, albedo, zoom; then for each photo pose, expression and light.

    Args:
        patch: the face.
        region: its fields.
        options: see `RefineOptions`.
        start: of the photos to refine.
    """

    def __init__(self, patch: Patch, region: FaceRegion, options: RefineOptions, start: Start) -> None:
        self._patch, self._options, self._start = patch, options, start
        k, m, a = patch.identity_size, 3 * options.residual_modes, len(patch.albedo_fields)
        self._shared, self._own = k + m + a + 1, _POSE + _EXPRESSION + _LIGHT
        self._parts = slice(0, k), slice(k, k + m), slice(k + m, k + m + a)
        # The patch's linear unknowns among a photo's: identity, expression, residual.
        self._linear = np.concatenate([np.arange(k), self._shared + _POSE + np.arange(_EXPRESSION), k + np.arange(m)])
        self._residual_deviation = residual_deviations(region, options.residual_modes, options.priors)
        self._albedo_deviation = albedo_deviations(region, options.albedo_modes, options.priors)

    def step(
        self,
        shape: Shape,
        views: list[View],
        landmarks: list[LandmarkTerm],
        brightness: list[Brightness],
    ) -> tuple[Shape, list[View]]:
        """The person and the photos after one step."""
        size = self._shared + self._own * len(views)
        hessian, gradient = np.zeros((size, size)), np.zeros(size)
        for n, (view, points, term) in enumerate(zip(views, landmarks, brightness, strict=True)):
            index = np.concatenate([np.arange(self._shared), self._shared + n * self._own + np.arange(self._own)])
            own_hessian, own_gradient = self._photo(shape, view, points, term)
            hessian[np.ix_(index, index)] += own_hessian
            gradient[index] += own_gradient
        self._add_priors(shape, views, hessian, gradient)
        step = self._solve(views, hessian, gradient)
        k, m, a = self._parts
        moved = Shape(
            shape.identity + step[k],
            shape.residual + step[m].reshape(-1, 3),
            shape.albedo + step[a],
            shape.zoom + float(step[self._shared - 1]),
        )
        return moved, [self._moved(view, step[self._place(n)]) for n, view in enumerate(views)]

    def _place(self, photo: int) -> slice:
        return slice(self._shared + photo * self._own, self._shared + (photo + 1) * self._own)

    @staticmethod
    def _moved(view: View, step: Array) -> View:
        light = step[_POSE + _EXPRESSION :]
        return replace(
            view.moved(step[:_POSE]),
            expression=np.clip(view.expression + step[_POSE : _POSE + _EXPRESSION], 0, 1),
            light=view.light + light,
        )

    def _photo(self, shape: Shape, view: View, landmarks: LandmarkTerm, term: Brightness) -> tuple[Array, Array]:
        """Normal equations of one photo, without priors."""
        size = self._shared + self._own
        pose = slice(self._shared, self._shared + _POSE)
        residual, linear, turn, zoom = landmarks(shape, view)
        points = np.zeros((len(residual), size), np.float32)
        points[:, self._linear] = linear
        points[:, pose] = turn
        points[:, self._shared - 1] = zoom
        positions = self._patch.camera(shape, view)
        normals, length = self._patch.normals(positions)
        rows = term.positions + term.normals @ self._patch.normals_jacobian(positions, normals, length)
        shades = np.zeros((len(term.residual), size), np.float32)
        shades[:, self._linear] = self._patch.by_linear(rows, view)
        shades[:, pose] = rows @ self._patch.pose_columns(positions, view).reshape(-1, _POSE)
        shades[:, self._parts[2]] = term.albedo @ self._patch.albedo_fields.T
        shades[:, size - _LIGHT :] = term.light
        shades[:, self._shared - 1] = term.zoom
        weight = np.sqrt(self.importance(term))
        jacobian = np.concatenate([points, shades * weight[:, None].astype(np.float32)])
        errors = np.concatenate([residual, term.residual * weight])
        return (jacobian.T @ jacobian).astype(np.float64), jacobian.T.astype(np.float64) @ errors

    def importance(self, term: Brightness) -> Array:  # [R]
        """Inverse variance of each triangle's error, less where it is an outlier (Geman-McClure)."""
        options = self._options
        spread = 1.4826 * _weighted_median(np.abs(term.residual), term.area)
        sigma = max(options.photometric, spread)
        robust = 1 / (1 + (term.residual / (options.outlier * sigma)) ** 2) ** 2
        return term.area / options.correlated_mm**2 / sigma**2 * robust

    def _add_priors(self, shape: Shape, views: list[View], hessian: Array, gradient: Array) -> None:
        priors, start = self._options.priors, self._start
        k, m, a = self._parts
        precision, error = np.zeros(len(gradient)), np.zeros(len(gradient))
        precision[k], error[k] = priors.identity**-2.0, shape.identity - start.identity
        precision[m], error[m] = self._residual_deviation.ravel() ** -2.0, shape.residual.ravel()
        precision[a], error[a] = self._albedo_deviation**-2.0, shape.albedo
        precision[self._shared - 1], error[self._shared - 1] = priors.log_focal**-2.0, shape.zoom
        for n, view in enumerate(views):
            own, off = np.zeros(self._own), np.zeros(self._own)
            own[:3] = priors.rotation**-2.0
            off[:3] = Rotation.from_matrix(view.rotation @ start.rotations[n].T).as_rotvec()
            own[5], off[5] = priors.log_distance**-2.0, np.log(view.translation[2] / start.translations[n][2])
            expression = slice(_POSE, _POSE + _EXPRESSION)
            own[expression], off[expression] = priors.expression**-2.0, view.expression - start.expressions[n]
            mean = max(abs(view.light[0]), 1e-3)
            slope, curve = (priors.light_slope * mean) ** -2.0, (priors.light_curve * mean) ** -2.0
            own[-_LIGHT:] = [0, *[slope] * 3, *[curve] * 5]
            off[-_LIGHT:] = view.light
            place = self._place(n)
            precision[place], error[place] = own, off
        gradient += precision * error
        hessian[np.diag_indices_from(hessian)] += precision

    def _solve(self, views: list[View], hessian: Array, gradient: Array) -> Array:
        """The step within the bounds of the weights: those that would leave 0..1 from its end stay there.

        All but the weights are eliminated first (Schur's complement), so the search for the weights that stay is small.
        """
        hessian[np.diag_indices_from(hessian)] *= 1 + _RIDGE
        weights = np.concatenate([self._place(n).start + _POSE + np.arange(_EXPRESSION) for n in range(len(views))])
        others = np.ones(len(gradient), bool)
        others[weights] = False
        if not self._options.person:
            # The albedo is no property that shows: without it, shade would be taken for another pose.
            others[: self._parts[2].start] = others[self._shared - 1] = False
        rest = np.flatnonzero(others)
        factor = cho_factor(hessian[np.ix_(rest, rest)], lower=True, check_finite=False)
        coupling = hessian[np.ix_(rest, weights)]
        solved = cho_solve(factor, np.column_stack([coupling, gradient[rest]]), check_finite=False)
        complement = hessian[np.ix_(weights, weights)] - coupling.T @ solved[:, :-1]
        reduced = gradient[weights] - coupling.T @ solved[:, -1]
        move = _bounded_step(complement, reduced, np.concatenate([view.expression for view in views]))
        step = np.zeros(len(gradient))
        step[weights] = move
        step[rest] = -solved[:, -1] - solved[:, :-1] @ move
        return step


def _bounded_step(hessian: Array, gradient: Array, values: Array) -> Array:
    """The step of weights (52 for each photo) that minimises, without those which would leave their bounds."""
    free = np.tile(~np.isin(np.arange(_EXPRESSION), _FIXED_CHANNELS), len(values) // _EXPRESSION)
    step = np.zeros(len(values))
    for _ in range(_BOUND_ROUNDS):
        index = np.flatnonzero(free)
        step[:] = 0
        step[index] = -np.linalg.solve(hessian[np.ix_(index, index)], gradient[index])
        wanted = values + step
        leaving = (wanted < -1e-6) & (values <= 1e-6) | (wanted > 1 + 1e-6) & (values >= 1 - 1e-6)
        if not (leaving & free).any():
            break
        free &= ~leaving
    return step


def residual_deviations(region: FaceRegion, count: int, priors: Priors) -> Array:  # [M, 3] mm
    """Of the residual's fields along x, y and z: a smooth Gaussian field, mostly symmetric."""
    smooth = 1 / (1 + priors.residual_reach_mm**2 * region.stiffness[:count])
    smooth *= priors.residual_mm / np.linalg.norm(smooth)
    even = region.symmetric[:count]
    # The mirror image of a symmetric displacement has the opposite x.
    share = np.stack([np.where(even, priors.asymmetry, 1), *[np.where(even, 1, priors.asymmetry)] * 2], 1)
    return smooth[:, None] * share


def albedo_deviations(region: FaceRegion, count: int, priors: Priors) -> Array:  # [A]
    """Of the log-albedo's fields, the lips' last."""
    smooth = 1 / (1 + priors.albedo_reach_mm**2 * region.stiffness[:count])
    smooth *= priors.albedo / np.linalg.norm(smooth)
    return np.append(smooth * np.where(region.symmetric[:count], 1, priors.asymmetry), priors.lips)


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)]) if len(values) else 0.0
