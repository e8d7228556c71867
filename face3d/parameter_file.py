"""`FaceParameters` as named arrays and a header of plain values: for files that hold more than parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.parameters import OPTIONAL_FIELDS, TENSOR_FIELDS, FaceParameters, fields_of, header_of

__all__ = ["from_arrays", "header_of", "to_arrays"]


def to_arrays(parameters: FaceParameters) -> dict[str, NDArray[np.float32]]:
    """The fields that are arrays; those that are not known are left out."""
    values = {name: getattr(parameters, name) for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS)}
    return {name: value.detach().cpu().float().numpy() for name, value in values.items() if value is not None}


def from_arrays(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> FaceParameters:
    """The parameters that :func:`to_arrays` and `header_of` were made of.

    Raises:
        InputError: arrays of wrong shapes or with numbers that cannot be.
        KeyError, TypeError, ValueError: fields are missing, or the header is damaged.
    """
    tensors: dict[str, Any] = {name: torch.from_numpy(arrays[name].copy()) for name in TENSOR_FIELDS}
    tensors |= {name: torch.from_numpy(arrays[name].copy()) for name in OPTIONAL_FIELDS if name in arrays}
    return FaceParameters(**tensors, **fields_of(header))
