"""Which rule colours which part."""

from __future__ import annotations

import numpy as np

from face3d.model.parts import Part
from renderers.head.materials import Kind, kinds_of_parts


def test_every_part_but_the_lashes_is_drawn() -> None:
    kinds = kinds_of_parts(np.array([int(p) for p in Part]))
    assert kinds.dtype == np.int32
    assert [Part(p).name for p in np.flatnonzero(kinds < 0)] == ["LASHES"]
    assert set(kinds[kinds >= 0]) == {int(k) for k in Kind}


def test_kinds_of_some_parts() -> None:
    parts = np.array([Part.LIPS, Part.RIGHT_EYEBALL, Part.LOWER_TEETH, Part.TONGUE, Part.INNER_MOUTH, Part.LASHES])
    expected = [Kind.SKIN, Kind.EYE, Kind.LOWER_TEETH, Kind.TONGUE, Kind.MOUTH, -1]
    assert kinds_of_parts(parts).tolist() == [int(k) for k in expected]
    assert kinds_of_parts(np.zeros(0, int)).shape == (0,)
