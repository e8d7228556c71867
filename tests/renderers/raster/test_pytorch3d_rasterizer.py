from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from renderers.raster.pytorch3d_rasterizer import _bin_size, loading_problem, pixels_to_ndc
from renderers.raster.rasterizer import get_rasterizer


@pytest.mark.parametrize(("size", "corner"), [((4, 4), (1, 1)), ((4, 8), (2, 1)), ((9, 3), (1, 3))])
def test_picture_corners_in_ndc(size: tuple[int, int], corner: tuple[float, float]) -> None:
    """The top-left corner is at +x, +y; the shorter side spans -1..1."""
    height, width = size
    points = torch.tensor([[0.0, 0, 5], [width, height, 6], [width / 2, height / 2, 7]])
    x, y = corner
    assert pixels_to_ndc(points, size).tolist() == [[x, y, 5], [-x, -y, 6], [0, 0, 7]]


@pytest.mark.parametrize("larger", [1, 64, 65, 512, 1000, 4096])
def test_bins_stay_below_pytorch3ds_limit(larger: int) -> None:
    assert 1 + (larger - 1) // _bin_size((3, larger)) < 22


def test_missing_or_broken_pytorch3d_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    assert "does not load" in str(loading_problem())
    with pytest.raises(RuntimeError, match="does not load"):
        get_rasterizer("pytorch3d")
    assert type(get_rasterizer("auto", "cuda")).__name__ == "NumbaRasterizer"


def test_pytorch3d_without_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("pytorch3d")
    package._C = ModuleType("pytorch3d._C")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch3d", package)
    assert "rasterize_meshes" in str(loading_problem())
