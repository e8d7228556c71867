"""Photometric refinement of landmark fits: see :func:`refine`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from face3d.blas_threads import limited_blas_threads
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL
from face3d.fit.gaze import conjugate, eye_rotation_from_iris
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.parameters import FaceParameters
from renderers.photometric.appearance import Appearance, AppearanceEstimator
from renderers.photometric.crop import FaceCrop, zoomed
from renderers.photometric.face_region import FaceRegion
from renderers.photometric.gauss_newton import Start, Steps
from renderers.photometric.landmark_term import LandmarkTerm
from renderers.photometric.options import RefineOptions
from renderers.photometric.patch import Patch, Shape, View
from renderers.photometric.photometric import Brightness, PhotometricTerm
from renderers.photometric.visibility import Visible, VisibleFace
from renderers.raster.rasterizer import get_rasterizer

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """A photo or a frame with its landmark fit.

    Attributes:
        image: [H, W, 3] uint8 sRGB.
        parameters: the fit, one frame (T = 1).
        landmarks_px: [478, 2] the *detected* points (`PhotoFit.detection.landmarks_px`).
    """

    image: Image
    parameters: FaceParameters
    landmarks_px: NDArray[np.floating]

    def __post_init__(self) -> None:
        size = (self.image.shape[1], self.image.shape[0])
        if len(self.parameters) != 1 or self.parameters.camera.image_size != size:
            raise ValueError(f"A Photo needs one frame of parameters for its size {size}.")
        if self.landmarks_px.shape != (478, 2) or not np.isfinite(self.landmarks_px).all():
            raise ValueError(f"A Photo needs 478 finite landmarks, got {self.landmarks_px.shape}.")


@dataclass(frozen=True)
class Refined:
    """Refined photos of one person.

    Attributes:
        parameters: one for each photo; identity, `shape_residual` and `texture` are the same in all, `light` is each
            photo's own.
        appearance: the albedo and each photo's light.
        error_before, error_after: [P] median relative error of the brightness of the face's triangles (0.05 = 5 %), on
            the start's shape with the light that suits it best, and at the end.
    """

    parameters: tuple[FaceParameters, ...]
    appearance: Appearance
    error_before: NDArray[np.float64]
    error_after: NDArray[np.float64]


class Refiner:
    """Refines photos; what depends on the model alone is done once, here.

    Args:
        options: see `RefineOptions`.
        model: the face model; the default one when not given.
        device: where the rasterizer works (pytorch3d on CUDA, numba elsewhere). The solver works on the CPU.
        rasterizer: a name that `renderers.raster.rasterizer.get_rasterizer` knows.
    """

    def __init__(
        self,
        options: RefineOptions | None = None,
        model: MorphableModel | None = None,
        device: torch.device | str = "cpu",
        rasterizer: str = "auto",
    ) -> None:
        self.options = options or RefineOptions()
        self.model = model or load_default_model()
        self.region = FaceRegion.build(self.model, max(self.options.residual_modes, self.options.albedo_modes))
        backend = get_rasterizer(rasterizer, device)
        self._visible_face = VisibleFace(backend, self.model.triangles, self.region, torch.device(device))
        self._appearance = AppearanceEstimator(self.model, self.region, self.options.texture_size)

    def refine(self, photos: Sequence[Photo]) -> Refined:
        """See :func:`refine`."""
        if not photos:
            raise ValueError("There is nothing to refine: no photos.")
        # The matrices are small: BLAS threads would mostly wait for each other.
        with limited_blas_threads(1):
            return self._refine(photos)

    def _refine(self, photos: Sequence[Photo]) -> Refined:
        model, given = self._person(photos)
        patch = Patch(model, self.region, self.options.residual_modes, self.options.albedo_modes)
        shape = Shape(
            torch.stack([p.parameters.identity for p in photos]).mean(0).double().numpy(),
            np.zeros((self.options.residual_modes, 3)),
            np.zeros(len(patch.albedo_fields)),
            0.0,
        )
        views = [_view_of(photo.parameters, self.options.tone) for photo in photos]
        start = Start(
            shape.identity,
            tuple(v.rotation for v in views),
            tuple(v.translation for v in views),
            tuple(v.expression for v in views),
        )
        steps = Steps(patch, self.region, self.options, start)
        landmarks = [LandmarkTerm(p.landmarks_px, p.parameters.camera, self.options.landmark, patch) for p in photos]
        before: list[float] = []
        for size, count in self.options.levels:
            cut = [FaceCrop.cut(p.image, p.landmarks_px, p.parameters.camera, size) for p in photos]
            for _ in range(count):
                crops = [zoomed(crop, shape.zoom) for crop in cut]
                terms = [PhotometricTerm(crop, patch) for crop in crops]
                seen = [self._see(model, shape, v, c) for v, c in zip(views, crops, strict=True)]
                if not before:
                    views = [t.guess_light(shape, v, s) for t, v, s in zip(terms, views, seen, strict=True)]
                brightness = _compare(terms, shape, views, seen)
                before = before or [_median_error(b) for b in brightness]
                shape, views = steps.step(shape, views, landmarks, brightness)
        crops = [zoomed(crop, shape.zoom) for crop in cut]
        seen = [self._see(model, shape, v, c) for v, c in zip(views, crops, strict=True)]
        terms = [PhotometricTerm(crop, patch) for crop in crops]
        after = [_median_error(b) for b in _compare(terms, shape, views, seen)]
        residual = given + np.einsum("mv,mc->vc", self.region.modes[: self.options.residual_modes], shape.residual)
        appearance = self._appearance(patch, shape, views, crops, seen)
        parameters = tuple(
            self._parameters(photo, shape, view, residual, appearance, n)
            for n, (photo, view) in enumerate(zip(photos, views, strict=True))
        )
        return Refined(parameters, appearance, np.array(before), np.array(after))

    def _person(self, photos: Sequence[Photo]) -> tuple[MorphableModel, NDArray[np.float64]]:
        """The model with the residual that the start already has, and that residual [V, 3]."""
        residual = photos[0].parameters.shape_residual
        if residual is None:
            return self.model, np.zeros(self.model.mean.shape)
        return self.model.with_residual(residual), residual.double().numpy()

    def _see(self, model: MorphableModel, shape: Shape, view: View, crop: FaceCrop) -> Visible:
        identity, expression = (torch.from_numpy(x).float() for x in (shape.identity, view.expression))
        residual = np.einsum("mv,mc->vc", self.region.modes[: len(shape.residual)], shape.residual)
        head = model.vertices(identity, expression).double().numpy() + residual
        camera = head @ view.rotation.T * np.array(HEAD_TO_CAMERA_DIAGONAL) + view.translation
        return self._visible_face(torch.from_numpy(camera).float(), crop.camera)

    def _parameters(
        self,
        photo: Photo,
        shape: Shape,
        view: View,
        residual: NDArray[np.float64],
        appearance: Appearance,
        number: int,
    ) -> FaceParameters:
        identity = torch.from_numpy(shape.identity).float()
        rotation = torch.from_numpy(Rotation.from_matrix(view.rotation).as_rotvec()).float()
        translation = torch.from_numpy(view.translation).float()
        own = torch.from_numpy(residual).float()
        camera = photo.parameters.camera
        camera = replace(camera, focal_px=camera.focal_px * math.exp(shape.zoom))
        points = np.asarray(photo.landmarks_px, np.float32)
        eyes = conjugate(
            eye_rotation_from_iris(self.model.with_residual(own), identity, rotation, translation, camera, points)
        )
        return replace(
            photo.parameters,
            identity=identity,
            expression=torch.from_numpy(view.expression).float()[None],
            rotation=rotation[None],
            translation=translation[None],
            eye_rotation=eyes[None],
            camera=camera,
            shape_residual=own,
            texture=torch.from_numpy(appearance.texture),
            light=torch.from_numpy(appearance.lights[number]),
        )


def _view_of(parameters: FaceParameters, tone: float) -> View:
    rotation, translation, expression = (
        t[0].double().numpy() for t in (parameters.rotation, parameters.translation, parameters.expression)
    )
    return View(Rotation.from_rotvec(rotation).as_matrix(), translation, expression, np.zeros(9), tone)


def _compare(terms: list[PhotometricTerm], shape: Shape, views: list[View], seen: list[Visible]) -> list[Brightness]:
    return [term(shape, view, visible) for term, view, visible in zip(terms, views, seen, strict=True)]


def _median_error(brightness: Brightness) -> float:
    return float(np.median(np.abs(brightness.residual))) if len(brightness.residual) else 0.0


@lru_cache(maxsize=2)
def _refiner(options: RefineOptions, device: str) -> Refiner:
    return Refiner(options, device=device)


def refine(
    photos: Sequence[Photo], options: RefineOptions | None = None, device: torch.device | str = "cpu"
) -> Refined:
    """Refine landmark fits by what light and shade say: analysis by synthesis.

    All photos show one person: identity, residual and albedo are shared; pose, expression and light are each photo's
    own. With `options.person` off, only these are refined, for instance in the other frames of a video whose person
    is known from its best frames.

    Args:
        photos: with their landmark fits; `parameters.shape_residual`, where given, is the first photo's.
        options: see `RefineOptions`.
        device: where the rasterizer works.

    Raises:
        ValueError: no photos.
    """
    return _refiner(options or RefineOptions(), str(device)).refine(photos)
