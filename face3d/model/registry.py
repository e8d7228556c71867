"""Face models by name: the one that ships with the package, and those that users bring.

`cc0-head`: in this package. `ict-facekit`: the folder of a checked-out ICT-FaceKit (MIT). `bfm2009`: Deep3DFaceRecon's
`BFM_model_front.mat`. `flame`: an `.npz` or `.safetensors` file converted from FLAME's `.pkl`. Where their files are is
said by a path, or by the environment variables TALKINGHEAD_ICT_FACEKIT, TALKINGHEAD_BFM2009 and TALKINGHEAD_FLAME.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from face3d.errors import InputError
from face3d.model.morphable_model import DEFAULT_MODEL, MorphableModel, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.model.plugins.bfm import load_bfm09
from face3d.model.plugins.flame import load_flame
from face3d.model.plugins.ict import load_ict
from face3d.parameters import KNOWN_MODELS, FaceParameters

# Every name of `face3d.parameters.KNOWN_MODELS` but the default model's.
LOADERS: dict[str, Callable[[Path], MorphableModel]] = {
    "ict-facekit": load_ict,
    "bfm2009": load_bfm09,
    "flame": load_flame,
}


class NoPathError(InputError):
    """Nothing says where the files of a model are."""


def path_variable(name: str) -> str:
    """The environment variable that says where the files of a model are."""
    return f"TALKINGHEAD_{name.upper().replace('-', '_')}"


def load_model(name: str, path: str | Path | None = None) -> MorphableModel:
    """A face model in millimetres and in our head frame; it is read once for each process.

    Args:
        name: one of `face3d.parameters.KNOWN_MODELS`.
        path: its files (see the module's table); when not given, the environment variable of
            :func:`path_variable`. The default model takes none.

    Raises:
        InputError: an unknown name, no path, or files that are not this model's.
    """
    if name not in KNOWN_MODELS:
        raise InputError(f"There is no face model {name!r}; known models: {', '.join(KNOWN_MODELS)}.")
    if name == DEFAULT_MODEL:
        if path is not None:
            raise InputError(f"The face model {DEFAULT_MODEL} ships with the program and takes no path.")
        return load_default_model()
    path = path or os.environ.get(path_variable(name))
    if not path:
        raise NoPathError(
            f"The face model {name} is yours to bring: put its path into the environment variable "
            f"{path_variable(name)}."
        )
    return _load(name, Path(path).expanduser().resolve())


def load_named_model(text: str) -> MorphableModel:
    """The model of a command-line option `NAME` or `NAME=PATH`."""
    name, _, path = text.partition("=")
    try:
        return load_model(name, path or None)
    except NoPathError as error:
        raise InputError(f"{str(error).removesuffix('.')}, or give it as {name}=PATH.") from error


def model_of(parameters: FaceParameters, model: MorphableModel | None = None) -> MorphableModel:
    """The model that `parameters` belong to (`model`, if it is at hand), with their shape residual."""
    return personal_model(parameters, model or load_model(parameters.model))


@lru_cache(maxsize=2)
def _load(name: str, path: Path) -> MorphableModel:
    if not path.exists():
        raise InputError(f"There is no {path}, where the face model {name} should be.")
    return LOADERS[name](path)
