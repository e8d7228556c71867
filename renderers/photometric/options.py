"""How a photo is refined."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Priors:
    """Standard deviations of what is unknown, apart from the picture; a smaller number means less freedom.

    Attributes:
        identity: of an identity coefficient around the start's, in standard deviations of the model.
        expression: of an ARKit weight around the start's. Loose weights take shade for expression: with 0.03 instead
            of 0.005 the neutral face of rendered people was 8 % worse, though every picture was explained better.
        rotation: of the head's rotation around the start's, in radians. A residual may turn the whole face within the
            head's frame; this keeps the frame where the landmark fit has it.
        log_distance, log_focal: of the logarithms of the camera's distance and focal length around the start's.
        residual_mm: of the per-vertex residual, root mean square over its three directions' modes.
        residual_reach_mm: details of the residual below this length are damped.
        albedo: of the log-albedo.
        albedo_reach_mm: details of the albedo below this length are damped.
        lips: of the lips' own log-albedo.
        asymmetry: share that fields which differ on the halves of the face keep of these deviations. Light from one
            side looks the same as a face that is darker on the other, or turned; a face is more symmetric than a light.
        light_slope, light_curve: of the first and second order of the light, as a share of its constant part.
    """

    identity: float = 0.65
    expression: float = 0.005
    rotation: float = 0.01
    log_distance: float = 0.15
    log_focal: float = 0.2
    residual_mm: float = 1.6
    residual_reach_mm: float = 25.0
    albedo: float = 0.06
    albedo_reach_mm: float = 12.0
    lips: float = 0.3
    asymmetry: float = 0.4
    light_slope: float = 1.0
    light_curve: float = 0.4


@dataclass(frozen=True)
class RefineOptions:
    """How a photo is refined.

    Attributes:
        priors: what is plausible.
        levels: sides in pixels of the square face crop, coarse to fine, with the number of steps at each.
        photometric: least relative standard deviation of a triangle's brightness; the picture's own is measured.
        correlated_mm: errors of the picture's model agree over this length, so its pixels count less often.
        outlier: from this many standard deviations on a triangle counts much less (Geman-McClure).
        landmark: standard deviation of a landmark as a share of the distance of the outer eye corners.
        tone: exponent of the tone curve that photos have beyond sRGB's: 1 is none, 2.2 a picture that was rendered
            without sRGB's curve. It cannot be told from light and shape, and the result hardly depends on it.
        residual_modes, albedo_modes: smooth fields for the residual and for the albedo.
        person: refine identity, residual and focal length too; otherwise only pose, expression, light and albedo.
        texture_size: side of the albedo texture in texels.
    """

    priors: Priors = field(default_factory=Priors)
    levels: tuple[tuple[int, int], ...] = ((96, 3), (192, 1))
    photometric: float = 0.03
    correlated_mm: float = 2.0
    outlier: float = 2.5
    landmark: float = 0.024
    tone: float = 2.0
    residual_modes: int = 80
    albedo_modes: int = 100
    person: bool = True
    texture_size: int = 512
