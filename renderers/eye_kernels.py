"""The pixels of driven eyes, compiled: eyeball, catch-light and shadow between the lids, lash strips along their edges."""

from __future__ import annotations

import math

import numpy as np

from renderers.compiled import kernel

_STEP = np.float32(0.5)


@kernel
def _table(values, s):  # type: ignore[no-untyped-def]
    """A lid's curve at s; 0 (the line between the corners) beyond them."""
    if s <= 0 or s >= 1:
        return np.float32(0)
    at = s * np.float32(values.shape[0] - 1)
    k = min(int(at), values.shape[0] - 2)
    f = at - np.float32(k)
    return values[k] + f * (values[k + 1] - values[k])


@kernel
def _blend(picture, x, y, out):  # type: ignore[no-untyped-def]
    """Bilinear sample of a [h, w, C] picture at (x, y), pixel centres at half-integers, continued at its border."""
    x = min(max(x - _STEP, np.float32(0)), np.float32(picture.shape[1] - 1))
    y = min(max(y - _STEP, np.float32(0)), np.float32(picture.shape[0] - 1))
    c, r = min(int(x), picture.shape[1] - 2), min(int(y), picture.shape[0] - 2)
    fx, fy = x - np.float32(c), y - np.float32(r)
    for k in range(out.shape[0]):
        upper = picture[r, c, k] + fx * (picture[r, c + 1, k] - picture[r, c, k])
        lower = picture[r + 1, c, k] + fx * (picture[r + 1, c + 1, k] - picture[r + 1, c, k])
        out[k] = upper + fy * (lower - upper)


@kernel
def _smooth(t):  # type: ignore[no-untyped-def]
    t = min(max(t, np.float32(0)), np.float32(1))
    return t * t * (np.float32(3) - np.float32(2) * t)


@kernel
def paint_eye(crop, box, now, photo, numbers, ball, turn, layers, grain):  # type: ignore[no-untyped-def]
    """Paint one eye over the skin of `crop` [h, w, 3] uint8, in place.

    Args:
        crop: the frame.
        box: left, top, right, bottom px of what may change.
        now, photo: (axes [6], upper [STEPS], lower [STEPS]) of the opening in this frame and in the photo.
        numbers: (zoom of this frame against the photo, 1/256 of the face px, closure 0..1, soft edge px, shadow,
            shadow's reach px); lengths in the photo's pixels.
        ball: (center now x, y, center in the photo x, y, radius in the photo, catch-light's shift x, y in this frame).
        turn: [3, 3] the eyeball's rotation since the photo, camera frame.
        layers: (texture, highlight, upper strip, lower strip, their origin [2]); strips [h, w, 6] are what to multiply
            with and what to add.
        grain: [G, G] the skin's fine structure, relative.
    """
    axes, upper, lower = now
    photo_axes, photo_upper, photo_lower = photo
    zoom, unit, closure, edge, shadow, reach = numbers
    texture, highlight, strip_above, strip_below, origin = layers
    colour, glint, strip = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(6, np.float32)
    square = axes[2] * axes[2] + axes[3] * axes[3]
    width = math.sqrt(square)
    band = np.float32(9) * unit
    # Lashes lie flatter on a half closed lid, and hang down from a closed one.
    flat = np.float32(1) + np.float32(0.8) * _smooth(closure)
    hanging = _smooth((closure - np.float32(0.35)) / np.float32(0.5))
    thin = np.float32(1) + np.float32(1.5) * hanging
    hanging *= np.float32(0.6)
    for row in range(box[1], box[3]):
        for column in range(box[0], box[2]):
            px, py = np.float32(column) + _STEP, np.float32(row) + _STEP
            ox, oy = px - axes[0], py - axes[1]
            s = (ox * axes[2] + oy * axes[3]) / square
            v = ox * axes[4] + oy * axes[5]
            rim, floor = _table(upper, s), _table(lower, s)
            below_rim, above_floor = v - rim, floor - v
            own_rim = _table(photo_upper, s)
            red, green, blue = (
                np.float32(crop[row, column, 0]),
                np.float32(crop[row, column, 1]),
                np.float32(crop[row, column, 2]),
            )
            # New skin of a closing lid: its grain, and the light on the eyeball's curve.
            swept = rim - zoom * own_rim
            if below_rim < 0 and swept > 0 and 0 < s < 1:
                height = swept + np.float32(0.6) * band * zoom
                t = -below_rim / height
                if t < 1:
                    amount = _smooth(swept / (np.float32(4) * unit * zoom)) * _smooth((np.float32(1) - t) * 3)
                    ends = _smooth(np.float32(6) * min(s, np.float32(1) - s))
                    gx = int(abs(s * width / zoom)) % grain.shape[1]
                    gy = int(-below_rim / zoom) % grain.shape[0]
                    light = np.float32(0.05) - np.float32(0.4) * (t - np.float32(0.45)) ** 2
                    gain = np.float32(1) + amount * ends * (light + grain[gy, gx])
                    red, green, blue = red * gain, green * gain, blue * gain
            gap = floor - rim
            inside = min(max(below_rim / edge + _STEP, np.float32(0)), np.float32(1))
            inside *= min(max(above_floor / edge + _STEP, np.float32(0)), np.float32(1))
            if inside > 0:
                inside *= _smooth((gap - np.float32(0.25) * unit * zoom) / (np.float32(1.2) * unit * zoom))
                inside *= _smooth((s - np.float32(0.03)) / np.float32(0.1))
                inside *= _smooth((np.float32(1) - s) / np.float32(0.04))
            if inside > 0:
                nx = (px - ball[0]) / (ball[4] * zoom)
                ny = (py - ball[1]) / (ball[4] * zoom)
                length = nx * nx + ny * ny
                if length > np.float32(0.94):
                    shrink = np.float32(math.sqrt(np.float32(0.94) / length))
                    nx, ny, length = nx * shrink, ny * shrink, np.float32(0.94)
                nz = -np.float32(math.sqrt(np.float32(1) - length))
                mx = turn[0, 0] * nx + turn[1, 0] * ny + turn[2, 0] * nz
                my = turn[0, 1] * nx + turn[1, 1] * ny + turn[2, 1] * nz
                mz = turn[0, 2] * nx + turn[1, 2] * ny + turn[2, 2] * nz
                if mz > 0:
                    norm = max(np.float32(math.sqrt(mx * mx + my * my)), np.float32(1e-6))
                    mx, my = mx / norm, my / norm
                _blend(texture, ball[2] + ball[4] * mx - origin[0], ball[3] + ball[4] * my - origin[1], colour)
                hx = ball[2] + (px - ball[0] - ball[5]) / zoom - origin[0]
                hy = ball[3] + (py - ball[1] - ball[6]) / zoom - origin[1]
                _blend(highlight, hx, hy, glint)
                dark = np.float32(1) - shadow * np.float32(math.exp(-max(below_rim, np.float32(0)) / (reach * zoom)))
                red += inside * ((colour[0] + glint[0]) * dark - red)
                green += inside * ((colour[1] + glint[1]) * dark - green)
                blue += inside * ((colour[2] + glint[2]) * dark - blue)
            # The lower lid's edge and lashes, where the upper one does not cover them.
            uncovered = min(max(below_rim / edge + np.float32(1), np.float32(0)), np.float32(1))
            if s < np.float32(0.1):  # the corner stays where it is
                uncovered = np.float32(1)
            if uncovered > 0 and abs(above_floor) < band * zoom:
                w = _table(photo_lower, s) - above_floor / zoom
                x = photo_axes[0] + s * photo_axes[2] + w * photo_axes[4] - origin[0]
                y = photo_axes[1] + s * photo_axes[3] + w * photo_axes[5] - origin[1]
                _blend(strip_below, x, y, strip)
                red *= np.float32(1) + uncovered * (strip[0] - np.float32(1))
                green *= np.float32(1) + uncovered * (strip[1] - np.float32(1))
                blue *= np.float32(1) + uncovered * (strip[2] - np.float32(1))
                red, green, blue = red + uncovered * strip[3], green + uncovered * strip[4], blue + uncovered * strip[5]
            # The upper one's.
            if -band * zoom * np.float32(1.3) < below_rim < band * zoom:
                far = below_rim / zoom
                w = own_rim + (far * flat if far < 0 else far * thin)
                x = photo_axes[0] + s * photo_axes[2] + w * photo_axes[4] - origin[0]
                y = photo_axes[1] + s * photo_axes[3] + w * photo_axes[5] - origin[1]
                _blend(strip_above, x, y, strip)
                glow = (
                    np.float32(1) - hanging if far > 0 else np.float32(1)
                )  # wet rims shine only while the eye is open
                red, green, blue = (
                    red * strip[0] + glow * strip[3],
                    green * strip[1] + glow * strip[4],
                    blue * strip[2] + glow * strip[5],
                )
                if hanging > 0 and far > 0:
                    w = own_rim - np.float32(1.5) * (far + unit)
                    x = photo_axes[0] + s * photo_axes[2] + w * photo_axes[4] - origin[0]
                    y = photo_axes[1] + s * photo_axes[3] + w * photo_axes[5] - origin[1]
                    _blend(strip_above, x, y, strip)
                    red *= np.float32(1) + hanging * (min(strip[0], np.float32(1)) - np.float32(1))
                    green *= np.float32(1) + hanging * (min(strip[1], np.float32(1)) - np.float32(1))
                    blue *= np.float32(1) + hanging * (min(strip[2], np.float32(1)) - np.float32(1))
            crop[row, column, 0] = np.uint8(min(max(red + _STEP, np.float32(0)), np.float32(255)))
            crop[row, column, 1] = np.uint8(min(max(green + _STEP, np.float32(0)), np.float32(255)))
            crop[row, column, 2] = np.uint8(min(max(blue + _STEP, np.float32(0)), np.float32(255)))
