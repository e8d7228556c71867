"""Per-pixel colours of the mouth's inside, compiled.

Light: what a point behind the lips sees of the world is the share of its view that the opening fills. Over a picture
of the opening that share is the opening blurred by about half the point's depth, shifted up because most light comes
from above.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from face3d.compiled import kernel
from renderers.mouth.canvas import OWN, UPPER_TEETH, Canvas, OwnMouth, Palette

FloatArray = NDArray[np.float32]

# Depths behind the lips, mm, for which the opening is blurred, and the blurs.
DEPTHS_MM = (2.0, 9.0, 24.0)
BLURS_MM = (1.0, 4.0, 10.0)
# The lining counts as no deeper than this, mm: cheeks and palate are near, the mesh's throat is not.
THROAT_MM = 20.0
# Brightness of the lower teeth in shares of the upper ones'.
LOWER_TEETH_SHARE = 0.9
# Teeth that face the viewer by more than one over this are drawn as teeth.
FRONT_FACTOR = 4.0
# Exponent of the change of light on the photo's own mouth: less than one, for the walls' light changes less.
OWN_LIGHT_POWER = 0.5
# How much of the opening's light reaches teeth by way of the lips' and cheeks' inside.
BOUNCED = 0.38
# Exponent of the darkness in front of teeth: the higher, the less light makes them as bright as they get.
TEETH_DARKNESS = 1.6
# How far the light's way in rises per millimetre of depth.
TILT = 0.3
# The photo's own upper teeth count as this deep, mm: one depth, so that no edge of the mesh shows in their light.
OWN_TEETH_MM = 2.5
# Light on the photo's own mouth counts as at least this, then and now, and brightens it by at most the third.
OWN_LEAST_THEN, OWN_LEAST_NOW, OWN_MOST = 0.05, 0.02, 1.25
# Where a pixel shows no mesh: the cavity, this far behind the lips, mm.
NOTHING_MM = 40.0
# Enamel: dark lines between teeth (how dark, mm); a translucent biting edge (how dark, from which height on and within
# which); rounded towards the gaps (how dark, mm); the row's fall into the dark (how far, within mm, power).
GAP_LINE, GAP_LINE_MM = 0.12, 0.25
EDGE_DARK, EDGE_FROM, EDGE_WITHIN = 0.12, 0.8, 0.2
ROUND_DARK, ROUND_MM = 0.12, 0.8
ROW_FALL, ROW_FALL_MM, ROW_FALL_POWER = 0.6, 30.0, 1.5
# Gums: up to this height, by that much farther between teeth (within mm), and how sharply they end.
GUM_HEIGHT, GUM_BETWEEN, GUM_BETWEEN_MM, GUM_SHARPNESS = 0.22, 0.12, 0.9, 40.0
# Biting edges: their height, by how much less next to gaps (within mm), and over what the dark beyond begins.
BITE_HEIGHT, BITE_ROUND, BITE_ROUND_MM, BITE_SOFT = 0.995, 0.085, 0.55, 0.035
BEYOND_DARK = 0.45
# Shades are (constant, times how much the surface faces the viewer or the light).
TEETH_FACING, TONGUE_FACING, TONGUE_LIGHT, LINING_LIGHT = (0.5, 0.55), (0.5, 0.5), (0.38, 0.62), (0.45, 0.55)
# The tongue's groove: how dark, mm; and as `TEETH_DARKNESS`.
GROOVE, GROOVE_MM, TONGUE_DARKNESS = 0.10, 4.0, 1.6
# The lips' own skin goes on behind the rim, at this brightness, and gives way to the throat's red over this depth, mm.
LINING_LIPS, LINING_MM = 0.8, 8.0


def paint(
    face_index: NDArray[np.int32],  # [H, W], -1: none
    rows: tuple[int, int],
    kinds: NDArray[np.int32],  # [F] renderers.head.materials.Kind
    maps: FloatArray,  # [F, 3, 2 + ATTRIBUTES] affine maps of (x, y) in the own mouth's window and the attributes
    cover: FloatArray,  # [H, W]
    levels: FloatArray,  # [3, h, w] the opening, blurred by BLURS_MM
    scale: int,  # pixels of the canvas per cell
    cells_per_mm: float,
    palette: Palette,
    own: OwnMouth,
    skull: FloatArray,  # [2, 3] pixels of the canvas to the own mouth's, for what is fixed to the skull
    canvas: Canvas,
) -> None:
    """Colour the opening's pixels between the given rows.

    The photo's own upper teeth move as one, before everything else: the mesh's may be shorter.
    """
    _paint(
        face_index,
        rows,
        kinds,
        maps,
        cover,
        levels,
        (np.float32(levels.shape[2] / face_index.shape[1]), np.float32(cells_per_mm * scale)),
        (palette.teeth, palette.gums, palette.tongue, palette.cavity, palette.lips),
        (palette.upper_gaps, palette.lower_gaps),
        (own.picture, own.shown, own.light, skull),
        (canvas.material, canvas.base, canvas.own, canvas.shown, canvas.cover, canvas.light, canvas.depth),
    )


def teeth_light(levels: FloatArray, shape: tuple[int, int], cells_per_mm: float, scale: int) -> FloatArray:
    """[H, W] the light on upper teeth everywhere; arguments as of `paint`."""
    result = np.zeros(shape, np.float32)
    _teeth_light(levels, np.float32(levels.shape[2] / shape[1]), np.float32(cells_per_mm * scale), result)
    return result


def finish(
    canvas: Canvas,
    rows: tuple[int, int],
    fields: FloatArray,  # [h, w, 6 * MATERIALS] log-gain and offset (0..1 of `white`) per material and colour
    white: float,
    out: FloatArray,  # [H, W, 4]
) -> None:
    """Premultiplied colour and coverage: each material's colour times its gain plus its offset."""
    _finish(
        (canvas.material, canvas.base, canvas.own, canvas.shown, canvas.cover),
        rows,
        fields,
        np.float32(fields.shape[1] / out.shape[1]),
        np.float32(white),
        out,
    )


def lay_over(
    crop: NDArray[np.uint8],  # [h, w, 3]
    colours: FloatArray,  # [H, W, 4] premultiplied; nothing outside
    matrix: FloatArray,  # [2, 3] pixels of the crop to pixels of the colours, centres at half-integers
) -> None:
    """Put colours over the crop, in place."""
    _lay_over(crop, colours, matrix.astype(np.float32))


_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@kernel
def _smooth(plane, x, y):  # type: ignore[no-untyped-def]
    """A [h, w] plane at (x, y), centres at half-integers, bilinear, continued at its border."""
    x = min(max(x - _HALF, _ZERO), np.float32(plane.shape[1] - 1))
    y = min(max(y - _HALF, _ZERO), np.float32(plane.shape[0] - 1))
    c, r = min(int(x), plane.shape[1] - 2), min(int(y), plane.shape[0] - 2)
    ax, ay = x - np.float32(c), y - np.float32(r)
    top = plane[r, c] + ax * (plane[r, c + 1] - plane[r, c])
    bottom = plane[r + 1, c] + ax * (plane[r + 1, c + 1] - plane[r + 1, c])
    return top + ay * (bottom - top)


@kernel
def _light(levels, x, y, depth, cells, per_mm):  # type: ignore[no-untyped-def]
    """Share of the world that a point at `depth` mm behind canvas pixel (x, y) sees, 0..1."""
    y -= np.float32(TILT) * depth * per_mm
    x, y = x * cells, y * cells
    near, middle, far = np.float32(DEPTHS_MM[0]), np.float32(DEPTHS_MM[1]), np.float32(DEPTHS_MM[2])
    if depth <= near:
        return _smooth(levels[0], x, y)
    if depth <= middle:
        first, second, share = 0, 1, (depth - near) / (middle - near)
    else:
        first, second, share = 1, 2, min(_ONE, (depth - middle) / (far - middle))
    low = _smooth(levels[first], x, y)
    result = low + share * (_smooth(levels[second], x, y) - low)
    return result * (far / depth) ** 2 if depth > far else result


@kernel
def _teeth_light(levels, cells, per_mm, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            x, y = np.float32(column) + _HALF, np.float32(row) + _HALF
            out[row, column] = _light(levels, x, y, np.float32(OWN_TEETH_MM), cells, per_mm)


@kernel
def _tooth(arc, height, gaps):  # type: ignore[no-untyped-def]
    """Brightness of the enamel, share of gums, share of dark below a rounded biting edge; all 0..1."""
    along = abs(arc)
    distance = np.float32(100)
    for i in range(gaps.shape[0]):
        distance = min(distance, abs(along - gaps[i]))
    line = math.exp(-((distance / np.float32(GAP_LINE_MM)) ** 2))
    # Gums reach lower between the teeth; biting edges are a little translucent, and rounded towards the gaps.
    gums = 1 / (
        1
        + math.exp((height - GUM_HEIGHT - GUM_BETWEEN * math.exp(-((distance / GUM_BETWEEN_MM) ** 2))) * GUM_SHARPNESS)
    )
    edge = 1 - EDGE_DARK * max(0.0, height - EDGE_FROM) / EDGE_WITHIN
    rounded = 1 - ROUND_DARK * math.exp(-distance / ROUND_MM)
    limit = BITE_HEIGHT - BITE_ROUND * math.exp(-distance / BITE_ROUND_MM)
    beyond = min(1.0, max(0.0, (height - limit) / BITE_SOFT))
    fall = 1 - ROW_FALL * min(1.0, (along / ROW_FALL_MM) ** ROW_FALL_POWER)
    return np.float32((1 - GAP_LINE * line) * edge * rounded * fall), np.float32(gums), np.float32(beyond)


@kernel
def _material(kind, arc, height, facing, depth, light, colours, gaps, out):  # type: ignore[no-untyped-def]
    """Shaded colour of one point of a kind into out[3]."""
    teeth, gums, tongue, cavity, lips = colours
    light = min(_ONE, light)
    if kind == 5:
        # A groove along the middle; the body's flanks turn away from the light.
        groove = _ONE - np.float32(GROOVE * math.exp(-((arc / GROOVE_MM) ** 2)))
        lit = _ONE - (_ONE - light) ** np.float32(TONGUE_DARKNESS)
        shade = np.float32(TONGUE_FACING[0] + TONGUE_FACING[1] * facing) * groove
        shade *= np.float32(TONGUE_LIGHT[0] + TONGUE_LIGHT[1] * lit)
        for k in range(3):
            out[k] = tongue[k] * shade
        return
    # Behind the rim the lips' own skin goes on, then the dark red of the throat.
    rim = np.float32(math.exp(-max(_ZERO, depth) / LINING_MM))
    shade = np.float32(LINING_LIGHT[0]) + np.float32(LINING_LIGHT[1]) * light
    for k in range(3):
        out[k] = (cavity[k] * (_ONE - rim) + lips[k] * np.float32(LINING_LIPS) * rim) * shade
    if kind == 4:
        return
    enamel, gum, beyond = _tooth(arc, height, gaps[kind - 2])
    shade = np.float32(TEETH_FACING[0] + TEETH_FACING[1] * facing) * (
        _ONE - (_ONE - light) ** np.float32(TEETH_DARKNESS)
    )
    row = _ONE if kind == 2 else np.float32(LOWER_TEETH_SHARE)
    bright = row * enamel * (_ONE - gum) * (_ONE - np.float32(BEYOND_DARK) * beyond)
    # What the opening does not light, red walls do.
    bounced = np.float32(BOUNCED) * (_ONE - shade) / max(_ONE, lips[0])
    # The far row's inner side, which a turned head shows, is as dark as the walls.
    front = min(_ONE, np.float32(FRONT_FACTOR) * facing)
    for k in range(3):
        out[k] += front * ((teeth[k] * bright + gums[k] * gum) * (shade + bounced * lips[k]) - out[k])


@kernel
def _paint(face_index, rows, kinds, maps, cover, levels, sizes, colours, gaps, own, out):  # type: ignore[no-untyped-def]
    cells, per_mm = sizes
    picture, own_shown, own_light, skull = own
    material, base, own_rgb, shown, covered, lights, depths = out
    has_own = picture.shape[1] > 1
    for row in range(rows[0], rows[1]):
        y = np.float32(row) + _HALF
        for column in range(face_index.shape[1]):
            share = cover[row, column]
            if share <= 0:
                continue
            x = np.float32(column) + _HALF
            f = face_index[row, column]
            kind, depth, arc, height, facing = 4, np.float32(NOTHING_MM), _ZERO, _ZERO, _ONE
            if f >= 0:
                kind = kinds[f]
                arc = maps[f, 0, 2] + maps[f, 1, 2] * x + maps[f, 2, 2] * y
                height = maps[f, 0, 3] + maps[f, 1, 3] * x + maps[f, 2, 3] * y
                facing = maps[f, 0, 4] + maps[f, 1, 4] * x + maps[f, 2, 4] * y
                depth = maps[f, 0, 5] + maps[f, 1, 5] * x + maps[f, 2, 5] * y
            if kind == 4:
                depth = min(depth, np.float32(THROAT_MM))
            light = _light(levels, x, y, depth, cells, per_mm)
            index = 3 if kind == 5 else kind - 2
            index = 2 if kind == 4 else index
            material[row, column] = index
            covered[row, column] = share
            lights[row, column] = light
            depths[row, column] = depth
            _material(kind, arc, height, facing, depth, light, colours, gaps, base[row, column])
            shown[row, column] = 0
            then = _ZERO
            if has_own and f >= 0:
                sx = skull[0, 0] * x + skull[0, 1] * y + skull[0, 2]
                sy = skull[1, 0] * x + skull[1, 1] * y + skull[1, 2]
                part = _smooth(own_shown[UPPER_TEETH], sx, sy)
                if part > 0:
                    light = _light(levels, x, y, np.float32(OWN_TEETH_MM), cells, per_mm)
                    then = _smooth(own_light[0], sx, sy)
                if part <= 0 and index != UPPER_TEETH:
                    sx = maps[f, 0, 0] + maps[f, 1, 0] * x + maps[f, 2, 0] * y
                    sy = maps[f, 0, 1] + maps[f, 1, 1] * x + maps[f, 2, 1] * y
                    part = _smooth(own_shown[index], sx, sy)
                    then = _smooth(own_light[1], sx, sy)
                if part > 0:
                    then = max(np.float32(OWN_LEAST_THEN), then)
                    ratio = min(
                        np.float32(OWN_MOST),
                        (max(light, np.float32(OWN_LEAST_NOW)) / then) ** np.float32(OWN_LIGHT_POWER),
                    )
                    for k in range(3):
                        own_rgb[row, column, k] = ratio * _smooth(picture[k], sx, sy)
                    shown[row, column] = part


@kernel
def _between(fields, r, c, i, weights):  # type: ignore[no-untyped-def]
    """Field `i` between the four cells from (r, c) on, by their weights."""
    w00, w01, w10, w11 = weights
    return w00 * fields[r, c, i] + w01 * fields[r, c + 1, i] + w10 * fields[r + 1, c, i] + w11 * fields[r + 1, c + 1, i]


@kernel
def _finish(canvas, rows, fields, cells, white, out):  # type: ignore[no-untyped-def]
    material, base, own, shown, cover = canvas
    for row in range(rows[0], rows[1]):
        y = min(max((np.float32(row) + _HALF) * cells - _HALF, _ZERO), np.float32(fields.shape[0] - 1))
        r = min(int(y), fields.shape[0] - 2)
        ay = y - np.float32(r)
        for column in range(material.shape[1]):
            share = cover[row, column]
            if share <= 0:
                continue
            x = min(max((np.float32(column) + _HALF) * cells - _HALF, _ZERO), np.float32(fields.shape[1] - 1))
            c = min(int(x), fields.shape[1] - 2)
            ax = x - np.float32(c)
            weights = (_ONE - ax) * (_ONE - ay), ax * (_ONE - ay), (_ONE - ax) * ay, ax * ay
            part = shown[row, column]
            for k in range(3):
                value = _ZERO
                if part < 1:
                    i = 6 * material[row, column] + k
                    gain, offset = _between(fields, r, c, i, weights), _between(fields, r, c, i + 3, weights)
                    value = (_ONE - part) * (base[row, column, k] * math.exp(gain) + offset * white)
                if part > 0:
                    i = 6 * OWN + k
                    gain, offset = _between(fields, r, c, i, weights), _between(fields, r, c, i + 3, weights)
                    value += part * (own[row, column, k] * math.exp(gain) + offset * white)
                out[row, column, k] = share * min(max(value, _ZERO), np.float32(255))
            out[row, column, 3] = share


@kernel
def _lay_over(crop, colours, matrix):  # type: ignore[no-untyped-def]
    height, width = colours.shape[0], colours.shape[1]
    for row in range(crop.shape[0]):
        for column in range(crop.shape[1]):
            px, py = np.float32(column) + _HALF, np.float32(row) + _HALF
            x = matrix[0, 0] * px + matrix[0, 1] * py + matrix[0, 2] - _HALF
            y = matrix[1, 0] * px + matrix[1, 1] * py + matrix[1, 2] - _HALF
            if x <= -1 or y <= -1 or x >= width or y >= height:
                continue
            c, r = math.floor(x), math.floor(y)
            ax, ay = x - np.float32(c), y - np.float32(r)
            red = green = blue = cover = _ZERO
            for i in range(2):
                for j in range(2):
                    if 0 <= r + i < height and 0 <= c + j < width:
                        weight = (ay if i else _ONE - ay) * (ax if j else _ONE - ax)
                        red += weight * colours[r + i, c + j, 0]
                        green += weight * colours[r + i, c + j, 1]
                        blue += weight * colours[r + i, c + j, 2]
                        cover += weight * colours[r + i, c + j, 3]
            if cover > 0:
                under = crop[row, column]
                for k, colour in enumerate((red, green, blue)):
                    under[k] = np.uint8(min(max(under[k] * (_ONE - cover) + colour + _HALF, _ZERO), np.float32(255)))
