"""The pixels of driven eyes, compiled: eyeball, catch-light and shadow between the lids, strips along their edges."""

from __future__ import annotations

import math

import numpy as np

from face3d.compiled import kernel

# numba promotes float32 with Python's numbers to float64, which is slower: spell the constants out.
_STEP, _ZERO, _ONE = np.float32(0.5), np.float32(0), np.float32(1)
# A closing lid's new skin shows fully once the lid has come down by this, in 1/256 of the face; it is brighter in its
# middle than at rim and crease: values that make blinks drawn of GRID's first frames as bright as the real ones.
SOON, MIDDLE, BRIGHTER, DARKER = (np.float32(x) for x in (8.0, 0.5, 0.12, 1.0))
ENDS, CORNERS = np.float32(3), np.float32(6)
# The eyeball: openings that hide it and how much more shows it (1/256 of the face), its fading in the corners (s).
TOUCHING, OPENED, OUTER = np.float32(0.25), np.float32(1.2), np.float32(0.04)
INNER = (np.float32(0.03), np.float32(0.1))
SHUT = (np.float32(0.88), np.float32(0.1))  # closure from which it fades, and within which
RIM = np.float32(0.94)  # squared radius, on the unit sphere, from which its picture is continued
# The strips: their reach (1/256 of the face); lashes' flattening, thinning of a shut lid's rim, hanging lashes' onset,
# strength and shortening; the height of wet rims.
BAND, FLAT, THIN, HANGING, SHORT, WET = (np.float32(x) for x in (9.0, 0.8, 1.5, 0.6, 1.5, 2.5))
HANG, DRY = (np.float32(0.35), np.float32(0.5)), (np.float32(0.1), np.float32(0.5))
CORNER = np.float32(0.1)
# The soft shadow along a shut lid's rim, measured likewise: what it takes of red, green and blue, and its width (1/256
# of the face). It ends before the corners (s).
LINE, LINE_WIDTH, LINE_ENDS = (np.float32(0.15), np.float32(0.18), np.float32(0.31)), np.float32(2.5), np.float32(8)


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
def _place(axes, x, y):  # type: ignore[no-untyped-def]
    """(s, v) of a position; see `renderers.eyes.opening`."""
    x, y = x - axes[0], y - axes[1]
    s = (x * axes[2] + y * axes[3]) / (axes[2] * axes[2] + axes[3] * axes[3])
    return s, x * axes[4] + y * axes[5]


@kernel
def _read(strip, axes, origin, s, v, out):  # type: ignore[no-untyped-def]
    """A picture of the photo's window at (s, v) of the photo."""
    x = axes[0] + s * axes[2] + v * axes[4] - origin[0]
    y = axes[1] + s * axes[3] + v * axes[5] - origin[1]
    _blend(strip, x, y, out)


@kernel
def grow_lid(window, corner, now, photo, numbers, lid, grain, origin):  # type: ignore[no-untyped-def]
    """Paint the skin that a closing lid unfolds: the lid's colour with the skin's grain, lit as on a ball.

    Args:
        window: [h, w, 3] float32 0..255, changed in place.
        corner: (x, y) px of its corner in the frame.
        now, photo: (axes [6], upper [STEPS], lower [STEPS]) of the opening in this frame and in the photo.
        numbers: (zoom of this frame against the photo, 1/256 of the face in the photo px, how far above the rim the new
            skin begins in the photo px).
        lid: [h, w, 3] plain skin.
        grain: [G, G] the skin's fine structure, relative.
        origin: (x, y) px of the corner of `lid` in the photo.
    """
    axes, upper, _ = now
    photo_axes, photo_upper, _ = photo
    zoom, unit, reach = numbers
    width = np.float32(math.sqrt(axes[2] * axes[2] + axes[3] * axes[3]))
    skin = np.empty(3, np.float32)
    for row in range(window.shape[0]):
        for column in range(window.shape[1]):
            s, v = _place(axes, corner[0] + np.float32(column) + _STEP, corner[1] + np.float32(row) + _STEP)
            if s <= 0 or s >= 1:
                continue
            rim, own = _table(upper, s), _table(photo_upper, s)
            above, swept = rim - v, rim - zoom * own
            t = above / (swept + reach * zoom)
            if swept <= 0 or above <= -unit * zoom or t >= 1:
                continue
            amount = _smooth((_ONE - t) * ENDS) * _smooth(s * CORNERS) * _smooth((_ONE - s) * CORNERS)
            amount *= _smooth(swept / (SOON * unit * zoom))
            fine = grain[int(abs(above) / zoom) % grain.shape[0], int(s * width / zoom) % grain.shape[1]]
            middle = t - MIDDLE
            gain = _ONE + BRIGHTER - DARKER * middle * middle + fine
            _read(lid, photo_axes, origin, s, own - t * reach, skin)
            for k in range(3):
                window[row, column, k] += amount * (skin[k] * gain - window[row, column, k])


@kernel
def paint_ball(window, corner, now, numbers, ball, turn, texture, highlight, origin):  # type: ignore[no-untyped-def]
    """Paint the eyeball between the lids.

    Args:
        window, corner, now: as for `grow_lid`.
        numbers: (zoom, unit, width of the lids' soft edges px, closure 0..1, shadow, its reach px in the photo).
        ball: (center now x, y, center in the photo x, y, radius in the photo, catch-light's shift x, y in this frame).
        turn: [3, 3] the eyeball's rotation since the photo, camera frame.
        texture, highlight, origin: of `renderers.eyes.eyeball.Eyeball`.
    """
    axes, upper, lower = now
    zoom, unit, edge, closure, shadow, reach = numbers
    # The lids' curves may leave a crack where their points already meet on average.
    open_share = _ONE - _smooth((closure - SHUT[0]) / SHUT[1])
    colour, glint = np.empty(3, np.float32), np.empty(3, np.float32)
    for row in range(window.shape[0]):
        for column in range(window.shape[1]):
            px, py = corner[0] + np.float32(column) + _STEP, corner[1] + np.float32(row) + _STEP
            s, v = _place(axes, px, py)
            rim, floor = _table(upper, s), _table(lower, s)
            share = min(max((v - rim) / edge + _STEP, _ZERO), _ONE) * min(max((floor - v) / edge + _STEP, _ZERO), _ONE)
            if share <= 0:
                continue
            # Lids that nearly touch hide everything; the corners belong to the lids' strips.
            share *= open_share * _smooth(((floor - rim) / (unit * zoom) - TOUCHING) / OPENED)
            share *= _smooth((s - INNER[0]) / INNER[1]) * _smooth((_ONE - s) / OUTER)
            if share <= 0:
                continue
            mx, my = _turn_back(turn, (px - ball[0]) / (ball[4] * zoom), (py - ball[1]) / (ball[4] * zoom))
            _blend(texture, ball[2] + ball[4] * mx - origin[0], ball[3] + ball[4] * my - origin[1], colour)
            hx = ball[2] + (px - ball[0] - ball[5]) / zoom - origin[0]
            hy = ball[3] + (py - ball[1] - ball[6]) / zoom - origin[1]
            _blend(highlight, hx, hy, glint)
            dark = _ONE - shadow * np.float32(math.exp(-max(v - rim, _ZERO) / (reach * zoom)))
            for k in range(3):
                window[row, column, k] += share * ((colour[k] + glint[k]) * dark - window[row, column, k])


@kernel
def _turn_back(turn, x, y):  # type: ignore[no-untyped-def]
    """Where in the photo the point of the unit eyeball was that is now at (x, y); the outline goes on beyond itself."""
    square = x * x + y * y
    if square > RIM:
        shrink = np.float32(math.sqrt(RIM / square))
        x, y, square = x * shrink, y * shrink, RIM
    z = -np.float32(math.sqrt(_ONE - square))
    mx = turn[0, 0] * x + turn[1, 0] * y + turn[2, 0] * z
    my = turn[0, 1] * x + turn[1, 1] * y + turn[2, 1] * z
    if turn[0, 2] * x + turn[1, 2] * y + turn[2, 2] * z > 0:  # it was behind the outline
        norm = max(np.float32(math.sqrt(mx * mx + my * my)), np.float32(1e-6))
        mx, my = mx / norm, my / norm
    return mx, my


@kernel
def lay_strips(window, corner, now, photo, numbers, above, below, origin):  # type: ignore[no-untyped-def]
    """Lay lashes and rims along the lids.

    Args:
        window, corner, now: as for `grow_lid`.
        photo: (axes [6], upper [STEPS], lower [STEPS]) of the opening in the photo.
        numbers: (zoom, unit, width of the lids' soft edges px, closure 0..1).
        above, below: [h, w, 6] the strips; see `renderers.eyes.lids.LashStrips`.
        origin: (x, y) px of their corner in the photo.
    """
    axes, upper, lower = now
    photo_axes, photo_upper, photo_lower = photo
    zoom, unit, edge, closure = numbers
    strip = np.empty(6, np.float32)
    band = BAND * unit
    # Lashes lie flatter on a half closed lid, and hang down from a closed one, whose wet rims are hidden.
    hanging = _smooth((closure - HANG[0]) / HANG[1])
    dry = _smooth((closure - DRY[0]) / DRY[1])
    flat, thin = _ONE + FLAT * _smooth(closure), _ONE + THIN * hanging
    for row in range(window.shape[0]):
        for column in range(window.shape[1]):
            s, v = _place(axes, corner[0] + np.float32(column) + _STEP, corner[1] + np.float32(row) + _STEP)
            rim, floor = _table(upper, s), _table(lower, s)
            # The upper lid covers the lower one's rim; the inner corner stays where it is.
            shown = min(max((v - rim) / edge + _ONE, _ZERO), _ONE) if s >= CORNER else _ONE
            far = (v - floor) / zoom
            if shown > 0 and abs(far) < band:
                _read(below, photo_axes, origin, s, _table(photo_lower, s) + far, strip)
                wet = dry * (_ONE - _smooth(far / (WET * unit)))
                _lay(window[row, column], strip, shown, shown * (_ONE - wet))
            far = (v - rim) / zoom
            if hanging > 0 and abs(far) < band:
                _shade_line(window[row, column], hanging, far / (LINE_WIDTH * unit), s)
            if -band < far * flat and far < band:
                own = _table(photo_upper, s)
                _read(above, photo_axes, origin, s, own + far * (flat if far < 0 else thin), strip)
                wet = dry * (_ONE - _smooth(-far / (WET * unit)))
                _lay(window[row, column], strip, _ONE, _ONE - wet)
                if hanging > 0 and far > 0:
                    _read(above, photo_axes, origin, s, own - SHORT * (far + unit), strip)
                    _lay(window[row, column], strip, HANGING * hanging, _ZERO)


@kernel
def _shade_line(pixel, share, far, s):  # type: ignore[no-untyped-def]
    """Darken a pixel [3] by `share` of the shadow at `far` widths from a shut lid's rim."""
    share = share * np.float32(math.exp(-far * far)) * _smooth(s * LINE_ENDS) * _smooth((_ONE - s) * LINE_ENDS)
    for k in range(3):
        pixel[k] *= _ONE - share * LINE[k]


@kernel
def _lay(pixel, strip, share, glow):  # type: ignore[no-untyped-def]
    """Darken a pixel [3] by `share` of the strip's factors and add `glow` of its addends."""
    for k in range(3):
        pixel[k] = pixel[k] * (_ONE + share * (strip[k] - _ONE)) + glow * strip[k + 3]
