"""The objective of the landmark fit without Jacobians: the fast twin of `face3d.fit.objective_reference`.

The cost is exact and the gradient is to single precision, so the minimum is that of the twin. Of the normal matrix,
which decides only how fast it is reached, everything with the pose and the focal length is exact as well; what the
bases have with each other, J'J of [E + K] columns, is a sum over landmarks of B' W B with a 3 x 3 matrix W for each
landmark. W changes slowly over a face (perspective, hidden points), so in each of `REGIONS` parts of the face it is
replaced by its least-squares fit sum_q w_q p_q(l), p = 1, x, y, z of the mean face made orthonormal; depth and each gap
have one of their own. With sum_l p_q(l) B_l B_l' / sd_l^2 computed once for all frames and iterations, a frame costs
528 x (E + K)^2 / 2 products instead of 1404 x (E + K)^2; compare the precomputed J'J of Baker and Matthews,
"Lucas-Kanade 20 years on" (2004), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np

from face3d.compiled import kernel
from face3d.fit.objective_reference import HUBER, Evaluation, Problem
from face3d.fit.problem import (
    FLIP,
    FREE_CHANNELS,
    GAP_LOWER,
    GAP_UPPER,
    Array,
    LandmarkModel,
    State,
    Terms,
    Weights,
    gap_share,
    point_share,
)

REGIONS = 16
_MOMENTS = 4
_POSE = 7  # turn 3, shift 3, focal length
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, eq=False)
class Basis:
    """What does not change from frame to frame.

    Attributes:
        axes: [E + K, 3 * 468] float32, free expressions, then identity.
        region: [468] part of the face of each landmark; moments: [468, 4] p of the landmark.
        products: [(REGIONS * 4 + 1 + G) * 6, P] sums over the landmarks of a part, times p (over all for depth; for
            each gap) of products of the axes' coordinates (xx, yy, zz, xy, xz, yz) over their variance; P pairs of
            axes.
        pairs: [2, P] the upper triangle of the axes.
    """

    axes: Array
    region: Array
    moments: Array
    products: Array
    pairs: tuple[Array, Array]


@lru_cache(maxsize=4)
def _basis(model: LandmarkModel, weights: Weights, identity_free: bool) -> Basis:
    chosen = [model.expression[FREE_CHANNELS], model.identity] if identity_free else [model.expression[FREE_CHANNELS]]
    axes = np.concatenate(chosen).astype(float)  # [N, 468, 3]
    region = _regions(model)
    points = axes / (weights.landmark * point_share(weights))[:, None]
    depth = (axes - axes.mean(1, keepdims=True)) / weights.depth
    gaps = (axes[:, GAP_UPPER] - axes[:, GAP_LOWER]) / gap_share(weights)[:, None]
    moments = np.empty((len(region), _MOMENTS))
    parts = []
    for i in range(REGIONS):
        inside = np.equal(region, i)
        polynomial = np.concatenate([np.ones((inside.sum(), 1)), model.mean[inside]], 1)
        moments[inside] = np.linalg.qr(polynomial)[0]
        parts += [(points[:, inside], p) for p in moments[inside].T]
    parts.append((depth, np.ones(len(region))))
    parts += [(gaps[:, [i]], np.ones(1)) for i in range(len(GAP_UPPER))]
    pairs = np.triu_indices(len(axes))
    upper = pairs[0] * len(axes) + pairs[1]
    products = [_products(*part, upper) for part in parts]
    flat = np.ascontiguousarray(axes.swapaxes(1, 2)).reshape(len(axes), -1)
    return Basis(flat.astype(np.float32), region, moments, np.concatenate(products), pairs)


def _products(rows: Array, weights: Array, upper: Array) -> Array:  # [N, L, 3], [L], [P] -> [6, P]
    coordinates = np.moveaxis(rows, -1, 0).astype(np.float32)
    weighted = coordinates * weights.astype(np.float32)
    result = np.empty((len(_PAIRS), len(upper)), np.float32)
    for row, (a, b) in zip(result, _PAIRS, strict=True):
        product = weighted[a] @ coordinates[b].T
        np.take(product if a == b else product + product.T, upper, out=row)
    return result


def _regions(model: LandmarkModel) -> Array:
    """[468] columns of the face by where it faces, so that hidden points lie together, then rows."""
    side = np.sqrt(REGIONS).astype(int)
    count = len(model.normals)
    column = model.normals[:, 0].argsort().argsort() * side // count
    order = np.lexsort((model.mean[:, 1], column))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    first = np.searchsorted(np.sort(column), np.arange(side))
    size = np.bincount(column, minlength=side)
    return column * side + (rank - first[column]) * side // size[column]


@dataclass(frozen=True, eq=False)
class FastProblem(Problem):
    """`Problem`, evaluated by a compiled kernel."""

    @cached_property
    def _basis(self) -> Basis:
        return _basis(self.model, self.weights, self.identity_free)

    @cached_property
    def _measured(self) -> tuple[Array, ...]:
        """Coordinates [B, 3, 468] from the principal point and trust (1 / sd) of points, depth and gaps."""
        seen, w = self.seen, self.weights
        target = np.concatenate([(seen.points - seen.center[:, None]).swapaxes(1, 2), seen.depth[:, None]], 1)
        depth_trust = 1 / (w.depth * seen.scale_px)
        return tuple(np.ascontiguousarray(a, float) for a in (target, 1 / self.sd_px, depth_trust, 1 / self.gap_sd))

    def at(self, s: State) -> Evaluation:
        """Evaluate."""
        basis, count = self._basis, len(s.expression)
        free = s.expression[:, FREE_CHANNELS]
        person = (self.model.mean + np.tensordot(s.identity, self.model.identity, 1)).T.reshape(-1)
        moved = np.tensordot(free, self.model.expression[FREE_CHANNELS].swapaxes(1, 2).reshape(free.shape[1], -1), 1)
        head = (person + moved).reshape(count, 3, -1)
        parts = len(basis.products) // len(_PAIRS)
        cost, pose = np.empty(count), np.empty((count, _POSE + 1, _POSE + 1))
        back, spread = np.empty((count, _POSE + 1, *head.shape[1:]), np.float32), np.empty((count, parts, 6))
        _linearize(
            head,
            np.ascontiguousarray(s.rotation, float),
            np.ascontiguousarray(s.translation, float),
            np.exp(s.log_focal),
            *self._measured,
            basis.region,
            basis.moments,
            self.weights.landmark * point_share(self.weights),
            gap_share(self.weights),
            self.weights.depth,
            cost,
            pose,
            back,
            spread,
        )
        frames, identity = self.priors(s)
        terms = partial(self._terms, s, frames, pose, back, spread)
        return Evaluation(cost + (frames**2).sum(1), float((identity**2).sum()), terms)

    def _terms(self, s: State, priors: Array, pose: Array, back: Array, spread: Array) -> Terms:
        basis, count = self._basis, len(pose)
        size = _POSE + len(basis.axes)
        cross = (back.reshape(count * (_POSE + 1), -1) @ basis.axes.T).reshape(count, _POSE + 1, -1)
        normal, gradient = np.empty((count, size, size)), np.empty((count, size))
        normal[:, :_POSE, :_POSE], gradient[:, :_POSE] = pose[:, :_POSE, :_POSE], pose[:, :_POSE, _POSE]
        normal[:, :_POSE, _POSE:], gradient[:, _POSE:] = cross[:, :_POSE], cross[:, _POSE]
        normal[:, _POSE:, :_POSE] = cross[:, :_POSE].swapaxes(1, 2)
        block = spread.reshape(count, -1).astype(np.float32) @ basis.products
        first, second = basis.pairs
        normal[:, _POSE + first, _POSE + second] = block
        normal[:, _POSE + second, _POSE + first] = block
        return self._arrow(s, priors, normal, gradient)

    def _arrow(self, s: State, priors: Array, normal: Array, gradient: Array) -> Terms:
        """The frames' columns (pose, focal length, expression) and those that are shared (focal length, identity)."""
        columns, focal = np.arange(normal.shape[1]), _POSE - 1
        end = _POSE + len(FREE_CHANNELS)
        own = columns[:end] if self.focal == "frame" else np.delete(columns[:end], focal)
        local, local_gradient = normal[:, own[:, None], own], gradient[:, own]
        self.add_frame_priors(s, priors, local, local_gradient)
        shared = columns[end:] if self.focal != "shared" else np.concatenate([[focal], columns[end:]])
        shared_normal, shared_gradient = normal[:, shared[:, None], shared].sum(0), gradient[:, shared].sum(0)
        self.add_identity_prior(s, shared_normal, shared_gradient)
        return Terms(local, local_gradient, normal[:, own[:, None], shared], shared_normal, shared_gradient)


@partial(kernel, reorder=True)
def _linearize(  # noqa: C901
    head: Array,  # [B, 3, L] mm
    rotation: Array,  # [B, 3, 3]
    translation: Array,  # [B, 3]
    focal: Array,  # [B]
    target: Array,  # [B, 3, L] px
    trust: Array,  # [B, L] per px
    depth_trust: Array,  # [B]
    gap_trust: Array,  # [B, G]
    region: Array,  # [L]
    moments: Array,  # [L, 4]
    share: Array,  # [L] sd_px / scale_px of `products`
    gap_sd: Array,  # [G]
    depth_sd: float,
    cost: Array,  # [B] out
    pose: Array,  # [B, 8, 8] out: products of the columns of pose, focal length and residual
    back: Array,  # [B, 8, 3, L] float32 out: the columns, taken back to the head frame: B' back = J' J
    spread: Array,  # [B, S, 6] out: W of the parts of the face
) -> None:
    frames, _, count = head.shape
    columns = 8
    flip = FLIP
    # Derivatives of the pixel (unweighted) and of the weighted depth; the pixel's times its weight.
    px, py, dz = np.empty((columns, count)), np.empty((columns, count)), np.empty((columns, count))
    fx, fy = np.empty((columns, count)), np.empty((columns, count))
    hx, hy, hz = np.empty(count), np.empty(count), np.empty(count)
    u, v, scale = np.empty(count), np.empty(count), np.empty(count)
    depth_part = REGIONS * _MOMENTS
    for b in range(frames):
        f, tx, ty, tz = focal[b], translation[b, 0], translation[b, 1], translation[b, 2]
        r = rotation[b]
        a = f / tz * depth_trust[b]
        mx, my, mz, mt = 0.0, 0.0, 0.0, 0.0
        for i in range(count):
            x, y, z = head[b, 0, i], head[b, 1, i], head[b, 2, i]
            hx[i] = r[0, 0] * x + r[0, 1] * y + r[0, 2] * z
            hy[i] = r[1, 0] * x + r[1, 1] * y + r[1, 2] * z
            hz[i] = r[2, 0] * x + r[2, 1] * y + r[2, 2] * z
            mx += hx[i]
            my += hy[i]
            mz += hz[i]
            mt += target[b, 2, i]
        mx, my, mz, mt = mx / count, my / count, mz / count, mt / count
        total = 0.0
        spread[b] = 0.0
        for i in range(count):
            x, y, z = hx[i] * flip[0] + tx, hy[i] * flip[1] + ty, hz[i] * flip[2] + tz
            e = f / z
            ul, vl = x / z, y / z
            u[i], v[i], scale[i] = ul, vl, e
            # Turns about the head's axes, shifts, focal length, residual.
            px[0, i], py[0, i] = -ul * -hy[i] * e, (hz[i] - vl * -hy[i]) * e
            px[1, i], py[1, i] = (hz[i] - ul * hx[i]) * e, -vl * hx[i] * e
            px[2, i], py[2, i] = -hy[i] * e, -hx[i] * e
            px[3, i], py[3, i] = tz * e, 0.0
            px[4, i], py[4, i] = 0.0, tz * e
            px[5, i], py[5, i] = -ul * tz * e, -vl * tz * e
            px[6, i], py[6, i] = ul * f, vl * f
            px[7, i], py[7, i] = ul * f - target[b, 0, i], vl * f - target[b, 1, i]
            relative = (mz - hz[i]) * a
            dz[0, i], dz[1, i], dz[2, i] = (my - hy[i]) * a, (hx[i] - mx) * a, 0.0
            dz[3, i], dz[4, i], dz[5, i] = 0.0, 0.0, -relative
            dz[6, i], dz[7, i] = relative, relative - target[b, 2, i] * depth_trust[b]
            size = np.sqrt(px[7, i] ** 2 + py[7, i] ** 2) * trust[b, i]
            weight = trust[b, i] ** 2
            if size > HUBER:
                weight *= HUBER / size
                total += 2 * HUBER * size - HUBER**2
            else:
                total += size**2
            total += dz[7, i] ** 2
            for j in range(columns):
                fx[j, i], fy[j, i] = px[j, i] * weight, py[j, i] * weight
            for q in range(_MOMENTS):
                m = weight * e**2 * share[i] ** 2 * moments[i, q]
                w = spread[b, region[i] * _MOMENTS + q]
                w[0] += m
                w[1] += m * ul
                w[2] += m * vl
                w[3] += m * (ul**2 + vl**2)
        for g in range(len(GAP_UPPER)):
            first, second, part = GAP_UPPER[g], GAP_LOWER[g], depth_part + 1 + g
            weight = gap_trust[b, g] ** 2
            total += weight * ((px[7, first] - px[7, second]) ** 2 + (py[7, first] - py[7, second]) ** 2)
            for j in range(columns):
                across, down = weight * (px[j, first] - px[j, second]), weight * (py[j, first] - py[j, second])
                fx[j, first] += across
                fx[j, second] -= across
                fy[j, first] += down
                fy[j, second] -= down
            m = weight * scale[first] * scale[second] * gap_sd[g] ** 2
            w = spread[b, part]
            w[0] += m
            w[1] += m * u[first]
            w[2] += m * v[first]
            w[3] += m * (u[first] ** 2 + v[first] ** 2)
        cost[b] = total
        for j in range(columns):
            for k in range(j, columns):
                product = 0.0
                for i in range(count):
                    product += fx[j, i] * px[k, i] + fy[j, i] * py[k, i] + dz[j, i] * dz[k, i]
                pose[b, j, k] = pose[b, k, j] = product
        for j in range(columns):
            shift = -mt * depth_trust[b] if j == columns - 1 else 0.0  # the residual's mean; the others have none
            for i in range(count):
                x, y = scale[i] * fx[j, i], scale[i] * fy[j, i]
                z = (a * (dz[j, i] - shift) - u[i] * x - v[i] * y) * flip[2]
                x *= flip[0]
                y *= flip[1]
                back[b, j, 0, i] = r[0, 0] * x + r[1, 0] * y + r[2, 0] * z
                back[b, j, 1, i] = r[0, 1] * x + r[1, 1] * y + r[2, 1] * z
                back[b, j, 2, i] = r[0, 2] * x + r[1, 2] * y + r[2, 2] * z
        for part in range(spread.shape[1]):
            w = spread[b, part]
            m, mu, mv, mm = w[0], -w[1], -w[2], w[3]
            if part == depth_part:
                m, mu, mv, mm = 0.0, 0.0, 0.0, (a * depth_sd) ** 2
            # Head frame: (F R)' M (F R) with the symmetric M = [m 0 mu; 0 m mv; mu mv mm] in camera axes.
            mu, mv = mu * flip[0] * flip[2], mv * flip[1] * flip[2]
            for q in range(6):
                first = q if q < 3 else (0 if q < 5 else 1)
                second = q if q < 3 else (1 if q == 3 else 2)
                w[q] = (
                    m * (r[0, first] * r[0, second] + r[1, first] * r[1, second])
                    + mu * (r[0, first] * r[2, second] + r[2, first] * r[0, second])
                    + mv * (r[1, first] * r[2, second] + r[2, first] * r[1, second])
                    + mm * r[2, first] * r[2, second]
                )
