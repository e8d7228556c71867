"""Photometric refinement of landmark fits by analysis by synthesis (see `renderers.photometric.refiner.refine`).

Light (second-order spherical harmonics), albedo, identity, a smooth per-vertex residual, expression and pose are
solved together by Gauss-Newton steps on the brightness of the face's triangles, coarse to fine. Pictures are taken to
linear light first; errors are relative brightness; landmarks and Gaussian priors stay in the objective.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face3d.lazy_names import lazy_names

if TYPE_CHECKING:
    from renderers.photometric.appearance import Appearance as Appearance
    from renderers.photometric.drawing import draw_refined as draw_refined
    from renderers.photometric.options import Priors as Priors
    from renderers.photometric.options import RefineOptions as RefineOptions
    from renderers.photometric.refiner import Photo as Photo
    from renderers.photometric.refiner import Refined as Refined
    from renderers.photometric.refiner import Refiner as Refiner
    from renderers.photometric.refiner import refine as refine

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
__all__, __getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{home}" for name, home in _HOMES.items()})
