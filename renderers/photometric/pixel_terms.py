"""The photometric term: how far the brightness of each triangle in the picture is from the model's, and why.

The model of a pixel that shows triangle (0, 1, 2) with perspective-correct weights b is

    p (m / p)^tone,   m = exp(sum b_k beta_k) l . Y(n),   n = normalised sum b_k n_k

with log-albedo beta and normal n of the vertices, light l (harmonics times the cosine's transform, see
`renderers.raster.shading`). A photo's brightness is not proportional to the light even after sRGB's curve has been
undone: cameras and retouching add contrast, rendered pictures often lack the curve (tone 2.2); hence the exponent,
about a middling
brightness p. A triangle's residual is the mean of (p (m / p)^tone - I) q over its pixels, where q makes it
relative: means do away with noise and pores, and there are as many residuals in a large picture as in a small one.
Moving a corner by dx moves the surface under the pixel by du = P b_k dx, which is the same as moving the pixel by -du:
that is the gradient through the barycentric weights which `renderers.raster.fragments.recompute` has, written out.
"""

from __future__ import annotations

import math

import numpy as np

from face3d.compiled import kernel
from renderers.raster.shading import SH_COSINE, SH_FACTORS

_SCALE = np.array(SH_FACTORS) * np.array(SH_COSINE)
# Unknowns of a triangle: positions and normals (9 each), log-albedos (3) of its corners; light (9); log focal length.
CORNER_UNKNOWNS, UNKNOWNS = 21, 31
# Shading below this share of the ambient term is held there: harmonics can become negative where no light arrives.
LEAST_SHADING = 0.02


@kernel
def gather(  # type: ignore[no-untyped-def]
    picture,
    weight,
    face_index,
    barycentric,
    triangles,
    positions,
    normals,
    albedo,
    light,
    tone,
    pivot,
    focal,
    scale,
    rows,
    residual,
):
    """Add every pixel's derivatives to `rows` [G, 31] and its residual to `residual` [G] of the triangle it shows.

    Args:
        picture: [H, W] linear. weight: [H, W]: q of each pixel times its importance; 0 leaves it out.
        face_index [H, W], barycentric [H, W, 3]: what the pixel shows, triangles as rows of `triangles` [G, 3].
        positions [N, 3] mm in the camera frame, normals [N, 3], albedo [N] (log), light [9].
        tone: exponent. pivot: the brightness that it leaves as it is.
        focal: px. scale: `harmonics_scale()`.
        rows: [G, 31]: corners' positions (9), normals (9), log-albedos (3), light (9), log focal length (1).
    """
    height, width = picture.shape
    dh = np.zeros((9, 3))
    h = np.zeros(9)
    for row in range(height):
        for column in range(width):
            f = face_index[row, column]
            if f < 0 or weight[row, column] <= 0:
                continue
            b = barycentric[row, column]
            px = py = pz = nx = ny = nz = beta = 0.0
            for k in range(3):
                v = triangles[f, k]
                px += b[k] * positions[v, 0]
                py += b[k] * positions[v, 1]
                pz += b[k] * positions[v, 2]
                nx += b[k] * normals[v, 0]
                ny += b[k] * normals[v, 1]
                nz += b[k] * normals[v, 2]
                beta += b[k] * albedo[v]
            length = max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
            x, y, z = nx / length, ny / length, nz / length
            _harmonics(x, y, z, scale, h, dh)
            shading = gx = gy = gz = 0.0
            for j in range(9):
                shading += light[j] * h[j]
                gx += light[j] * dh[j, 0]
                gy += light[j] * dh[j, 1]
                gz += light[j] * dh[j, 2]
            least = LEAST_SHADING * max(abs(light[0]), 1e-6)
            lit = shading > least
            if not lit:
                shading = least
                gx = gy = gz = 0.0
            a = math.exp(beta)
            m = a * shading
            # Through the normalisation, and times the albedo.
            along = gx * x + gy * y + gz * z
            gx, gy, gz = a * (gx - along * x) / length, a * (gy - along * y) / length, a * (gz - along * z) / length
            # d m / d (pixel position): the barycentric weights' own gradient.
            mu, mv = _image_gradient(
                triangles[f], positions, normals, albedo, gx, gy, gz, m, b, focal, px / pz, py / pz
            )
            # The tone curve; its slope goes with every derivative.
            q = weight[row, column]
            toned = pivot * (m / pivot) ** tone
            residual[f] += q * (toned - picture[row, column])
            out = rows[f]
            q *= tone * toned / m
            # A longer lens moves the surface outwards.
            out[30] -= q * focal * (mu * px + mv * py) / pz
            for k in range(3):
                # d u / d x_k = focal b_k / z (1, 0, -x / z)
                s = q * focal * b[k] / pz
                out[3 * k] -= mu * s
                out[3 * k + 1] -= mv * s
                out[3 * k + 2] += (mu * px + mv * py) / pz * s
                out[9 + 3 * k] += q * gx * b[k]
                out[9 + 3 * k + 1] += q * gy * b[k]
                out[9 + 3 * k + 2] += q * gz * b[k]
                out[18 + k] += q * m * b[k]
            if lit:
                for j in range(9):
                    out[21 + j] += q * a * h[j]
            else:
                out[21] += q * a * math.copysign(LEAST_SHADING, light[0])


@kernel
def _harmonics(x, y, z, scale, h, dh):  # type: ignore[no-untyped-def]
    """Values and derivatives of the nine (scaled) harmonics."""
    h[0], h[1], h[2], h[3] = scale[0], scale[1] * y, scale[2] * z, scale[3] * x
    h[4], h[5], h[6] = scale[4] * x * y, scale[5] * y * z, scale[6] * (3 * z * z - 1)
    h[7], h[8] = scale[7] * x * z, scale[8] * (x * x - y * y)
    dh[1, 1], dh[2, 2], dh[3, 0] = scale[1], scale[2], scale[3]
    dh[4, 0], dh[4, 1] = scale[4] * y, scale[4] * x
    dh[5, 1], dh[5, 2] = scale[5] * z, scale[5] * y
    dh[6, 2] = scale[6] * 6 * z
    dh[7, 0], dh[7, 2] = scale[7] * z, scale[7] * x
    dh[8, 0], dh[8, 1] = scale[8] * 2 * x, -scale[8] * 2 * y


@kernel
def _image_gradient(corners, positions, normals, albedo, gx, gy, gz, m, b, focal, mean_x, mean_y):  # type: ignore[no-untyped-def]
    """d m / d (u, v) inside the triangle, from the gradient of the perspective-correct weights.

    Weights are w_k / sum w with w_k = (area opposite to corner k) / z_k; the areas are linear in the pixel.
    """
    total = tu = tv = 0.0
    wu0 = wu1 = wu2 = wv0 = wv1 = wv2 = 0.0
    for k in range(3):
        p, q, o = corners[(k + 1) % 3], corners[(k + 2) % 3], corners[k]
        ppx = focal * (positions[p, 0] / positions[p, 2] - mean_x)
        ppy = focal * (positions[p, 1] / positions[p, 2] - mean_y)
        qqx = focal * (positions[q, 0] / positions[q, 2] - mean_x)
        qqy = focal * (positions[q, 1] / positions[q, 2] - mean_y)
        z = positions[o, 2]
        w = (ppx * qqy - qqx * ppy) / z
        # Moving the pixel by +1 in u shifts both relative corners by -1.
        du, dv = (ppy - qqy) / z, (qqx - ppx) / z
        total += w
        tu += du
        tv += dv
        if k == 0:
            wu0, wv0 = du, dv
        elif k == 1:
            wu1, wv1 = du, dv
        else:
            wu2, wv2 = du, dv
    mu = mv = 0.0
    for k in range(3):
        v = corners[k]
        value = gx * normals[v, 0] + gy * normals[v, 1] + gz * normals[v, 2] + m * albedo[v]
        du = wu0 if k == 0 else (wu1 if k == 1 else wu2)
        dv = wv0 if k == 0 else (wv1 if k == 1 else wv2)
        mu += value * (du - b[k] * tu) / total
        mv += value * (dv - b[k] * tv) / total
    return mu, mv


def harmonics_scale() -> np.ndarray:  # [9]
    """What `gather` takes as `scale`."""
    return _SCALE.copy()


def harmonics(normals: np.ndarray) -> np.ndarray:  # [P, 3] unit -> [P, 9]
    """The harmonics times the cosine's transform."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1) * _SCALE
