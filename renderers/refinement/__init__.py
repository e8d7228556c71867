"""Photometric refinement of landmark fits by analysis by synthesis (see `renderers.refinement.refiner.refine`).

Light (second-order spherical harmonics), albedo, identity, a smooth per-vertex residual, expression and pose are
solved together by Gauss-Newton steps on the brightness of the face's triangles, coarse to fine. Pictures are taken to
linear light first; errors are relative brightness; landmarks and Gaussian priors stay in the objective.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renderers.refinement.appearance import Appearance as Appearance
    from renderers.refinement.drawing import draw_refined as draw_refined
    from renderers.refinement.options import Priors as Priors
    from renderers.refinement.options import RefineOptions as RefineOptions
    from renderers.refinement.refiner import Photo as Photo
    from renderers.refinement.refiner import Refined as Refined
    from renderers.refinement.refiner import Refiner as Refiner
    from renderers.refinement.refiner import refine as refine

_HOMES = {
    "Appearance": "appearance",
    "Photo": "refiner",
    "Priors": "options",
    "RefineOptions": "options",
    "Refined": "refiner",
    "Refiner": "refiner",
    "draw_refined": "drawing",
    "refine": "refiner",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
