"""Shapes and bounds of the numbers in `FaceParameters`: what can be meant, and computed with in single precision."""

from __future__ import annotations

from face3d.camera import Camera
from face3d.errors import InputError

# The largest size of each number, far beyond what any face has: identity in standard deviations, angles in radians,
# lengths in mm.
LARGEST = {
    "identity": 1e3,
    "rotation": 1e2,
    "translation": 1e7,
    "eye_rotation": 1e2,
    "shape_residual": 1e4,
    "light": 1e4,
    "landmark_shapes": 1e4,
}
FPS_RANGE, FOCAL_RANGE = (0.1, 1e4), (1e-3, 1e7)
LARGEST_SIDE, LARGEST_TEXTURE = 100_000, 8192  # pixels
# A letter stands for any size, the same wherever it appears in one shape; T is the same for all fields.
SHAPES: dict[str, tuple[int | str, ...]] = {
    "identity": ("K",),
    "expression": ("T", 52),
    "rotation": ("T", 3),
    "translation": ("T", 3),
    "eye_rotation": ("T", 2, 2),
    "confidence": ("T",),
    "shape_residual": ("V", 3),
    "texture": ("S", "S", 3),
    "light": (9, 3),
    "landmark_shapes": (53, 468, 3),
}


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """Whether a field can have this shape.

    Raises:
        InputError: it cannot.
    """
    expected = SHAPES[name]
    sizes: dict[str, int] = {}
    for wanted, size in zip(expected, shape, strict=False):
        if isinstance(wanted, str):
            sizes.setdefault(wanted, size)
    fitting = [sizes.get(wanted, 0) if isinstance(wanted, str) else wanted for wanted in expected]
    if list(shape) != fitting:
        raise InputError(f"FaceParameters.{name} must have shape {fitting}, got {list(shape)}.")
    if name == "texture" and not 1 <= shape[0] <= LARGEST_TEXTURE:
        raise InputError(f"FaceParameters.texture must have 1 to {LARGEST_TEXTURE} rows, got {shape[0]}.")


def check_camera(camera: Camera) -> None:
    """Whether numbers of a camera are such that its pictures can be computed in single precision.

    Raises:
        InputError: they are not.
    """
    low, high = FOCAL_RANGE
    if not low <= camera.focal_px <= high:
        raise InputError(f"FaceParameters.camera.focal_px must be {low:g} to {high:g}, got {camera.focal_px:g}.")
    if max(camera.image_size) > LARGEST_SIDE:
        raise InputError(
            f"FaceParameters.camera.image_size must be at most {LARGEST_SIDE} a side, got {list(camera.image_size)}."
        )
    if max(abs(c) for c in camera.principal_point_px) > 10 * LARGEST_SIDE:
        raise InputError(
            f"FaceParameters.camera.principal_point_px must stay within {10 * LARGEST_SIDE} pixels, "
            f"got {list(camera.principal_point_px)}."
        )
