"""Basel Face Model 2009 with expressions, as Deep3DFaceRecon stores it: `BFM_model_front.mat`.

Licence: the user's own registered copy (University of Basel; expressions by Guo et al. 2018). Nothing of it is here.
Layout: `meanshape` [1, 3V], `idBase` [3V, 80], `exBase` [3V, 64] (each times its standard deviation), `tri` [F, 3] and
`keypoints` [1, 68] counted from 1; decimetres, +x to the subject's left, +y up, +z out of the face
(github.com/sicxu/Deep3DFaceRecon_pytorch, `util/load_mats.py`). Colours (`meantex`, `texBase`) are not used.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from face3d.errors import InputError
from face3d.model.parts import Part
from face3d.model.plugins.measured import load_measured
from face3d.model.plugins.plugin import PluginModel, RawModel, assemble, vertex_points
from face3d.model.plugins.surface import Array

MILLIMETRES = 100.0  # in a decimetre
_NEEDED = ("meanshape", "idBase", "exBase", "tri", "keypoints")


def load_bfm09(path: str | Path) -> PluginModel:
    """Read `BFM_model_front.mat`; its expressions are matched to ARKit's by the landmarks' motion.

    Raises:
        InputError: the file is missing or has another layout.
    """
    arrays = _read(Path(path))
    mean = arrays["meanshape"].reshape(-1, 3).astype(float) * MILLIMETRES
    triangles = arrays["tri"].astype(np.int64) - 1
    keypoints = arrays["keypoints"].reshape(-1).astype(np.int64) - 1
    if (
        keypoints.shape != (68,)
        or triangles.shape[1:] != (3,)
        or not 0 <= triangles.min() <= triangles.max() < len(mean)
    ):
        raise InputError(f"{path} is no BFM_model_front.mat: its triangles or keypoints do not fit its vertices.")
    return assemble(
        RawModel(
            name="bfm2009",
            vertices=mean,
            identity=_basis(arrays["idBase"], len(mean)),
            triangles=triangles,
            parts=np.full(len(triangles), Part.SKIN),
            landmarks68=vertex_points(keypoints, triangles),
            landmarks478=load_measured(Path(path), len(mean)),
            native=_basis(arrays["exBase"], len(mean)),
        )
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        arrays: dict[str, np.ndarray] = scipy.io.loadmat(path, variable_names=_NEEDED)
    except (OSError, ValueError, NotImplementedError, TypeError, MatReadError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as a MATLAB file: is it BFM_model_front.mat?") from error
    lacking = [name for name in _NEEDED if name not in arrays]
    if lacking:
        raise InputError(f"{path} lacks {', '.join(lacking)}: it is no BFM_model_front.mat of Deep3DFaceRecon.")
    return arrays


def _basis(columns: np.ndarray, count: int) -> Array:  # [3V, K] -> [K, V, 3] mm
    if columns.ndim != 2 or len(columns) != 3 * count:
        raise InputError(f"BFM_model_front.mat holds a basis of the shape {list(columns.shape)} for {count} vertices.")
    return columns.T.astype(float).reshape(-1, count, 3) * MILLIMETRES
