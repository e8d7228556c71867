"""Comparing two objects that hold arrays is no error."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re

import pytest

import face3d
from face3d.detect.face import FaceDetection
from face3d.model.morphable_model import MorphableModel

_ARRAYS = re.compile(r"Tensor|NDArray|Array\b|Look\b")


def holders() -> list[type]:
    """The dataclasses of face3d with a field that is an array."""
    found = {}
    for info in pkgutil.walk_packages(face3d.__path__, "face3d."):
        if "mediapipe" in info.name:  # it need not be installed
            continue
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == info.name and dataclasses.is_dataclass(value)
            if own and any(_ARRAYS.search(str(field.type)) for field in dataclasses.fields(value)):
                found[value.__qualname__] = value
    return list(found.values())


@pytest.mark.parametrize("kind", holders(), ids=lambda kind: kind.__name__)
def test_no_generated_comparison_of_arrays(kind: type) -> None:
    """It raises: the truth of an array is ambiguous. By identity, or field by field as `FaceParameters` does."""
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert not parameters.eq


def test_equal_only_to_itself(model: MorphableModel, astronaut_detection: FaceDetection) -> None:
    for one in (model, astronaut_detection):
        same = dataclasses.replace(one)
        assert one == one
        assert one != same
        assert len({one, same, one}) == 2
