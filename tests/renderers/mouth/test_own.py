"""What is taken from a photo that shows teeth."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.mouth.own import _above, _line_between_rows


def rows_of_teeth(line: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Brightness and teeth of a mouth with gaps every 12 columns and, where `line` [W] is given, two rows."""
    light = np.full((60, 120), 60.0)
    light[10:50, 10:110] = 200
    light[:, ::12] -= 40
    if line is not None:
        for column in range(120):
            light[int(line[column]) : int(line[column]) + 3, column] = 70
    enamel = np.zeros(light.shape, bool)
    enamel[10:50, 10:110] = light[10:50, 10:110] > 110
    return light, enamel


def test_two_rows_are_told_apart() -> None:
    x = np.arange(120)
    line = 32 - 0.002 * (x - 60.0) ** 2
    found = _line_between_rows(*rows_of_teeth(line))
    assert found is not None
    np.testing.assert_allclose(found[15:105], line[15:105] + 1, atol=2)
    above = _above(found, 60)
    assert above[20, 60]
    assert not above[45, 60]


def test_one_row_stays_whole() -> None:
    assert _line_between_rows(*rows_of_teeth(None)) is None
    assert _above(None, 60).all()


@pytest.mark.parametrize("columns", [8, 30])
def test_a_few_dark_spots_are_no_line(columns: int) -> None:
    line = np.full(120, 200.0)
    line[40 : 40 + columns] = 30
    assert _line_between_rows(*rows_of_teeth(line)) is None
