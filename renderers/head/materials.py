"""How the photo avatar colours each part of the head."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from face3d.model.parts import Part


class Kind(IntEnum):
    """Which rule gives a triangle its colour."""

    SKIN = 0  # the photo, with the mouth's hole and the open eyes painted over
    EYE = 1  # see `renderers.eyes.painter`; under its picture there is skin
    UPPER_TEETH = 2  # this and the following: see `renderers.mouth`
    LOWER_TEETH = 3
    MOUTH = 4  # cavity and the lips' lining
    TONGUE = 5


_KIND_OF_PART = {
    Part.SKIN: Kind.SKIN,
    Part.LIPS: Kind.SKIN,
    Part.EYE_SOCKET: Kind.SKIN,
    Part.NECK: Kind.SKIN,
    Part.INNER_MOUTH: Kind.MOUTH,
    Part.UPPER_TEETH: Kind.UPPER_TEETH,
    Part.LOWER_TEETH: Kind.LOWER_TEETH,
    Part.TONGUE: Kind.TONGUE,
    Part.LEFT_EYEBALL: Kind.EYE,
    Part.RIGHT_EYEBALL: Kind.EYE,
}


def kinds_of_parts(parts: NDArray[np.integer]) -> NDArray[np.int32]:
    """[F] `Kind` of each triangle, -1 for what is not drawn: the photo has lashes of its own."""
    return np.array([_KIND_OF_PART.get(Part(p), -1) for p in range(len(Part))], np.int32)[parts]
