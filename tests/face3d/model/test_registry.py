"""Models by name and path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from face3d.errors import InputError
from face3d.model.morphable_model import DEFAULT_MODEL, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.model.registry import LOADERS, load_model, load_named_model, model_of, path_variable
from face3d.parameters import KNOWN_MODELS
from talkinghead.photo.poses import nobody


@pytest.fixture
def bfm_path(bfm_arrays: dict[str, np.ndarray], tmp_path: Path) -> Path:
    scipy.io.savemat(tmp_path / "bfm.mat", bfm_arrays)
    return tmp_path / "bfm.mat"


def test_every_known_model_has_a_loader() -> None:
    assert {DEFAULT_MODEL, *LOADERS} == set(KNOWN_MODELS)
    assert path_variable("ict-facekit") == "TALKINGHEAD_ICT_FACEKIT"


def test_the_default_model() -> None:
    assert load_model("cc0-head") is load_named_model("cc0-head") is load_default_model()
    with pytest.raises(InputError, match="takes no path"):
        load_named_model("cc0-head=x.npz")


def test_path_by_option_and_by_variable(bfm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TALKINGHEAD_BFM2009", raising=False)
    with pytest.raises(InputError, match=r"into the environment variable TALKINGHEAD_BFM2009\.$"):
        load_model("bfm2009")  # what `render --parameters` says, which has no other way to name a path
    with pytest.raises(InputError, match=r"TALKINGHEAD_BFM2009, or give it as bfm2009=PATH\.$"):
        load_named_model("bfm2009")
    first = load_named_model(f"bfm2009={bfm_path}")
    monkeypatch.setenv("TALKINGHEAD_BFM2009", str(bfm_path))
    assert load_model("bfm2009") is first, "read once"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("basel", "no face model 'basel'; known models: cc0-head"),
        ("flame=/nowhere/f.npz", "There is no /nowhere/f.npz"),
    ],
)
def test_what_cannot_be_found(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_named_model(text)


def test_the_model_of_parameters() -> None:
    """With the residual of their person."""
    parameters = nobody(1)
    assert model_of(parameters) is load_default_model()
    residual = torch.ones(len(load_default_model().mean), 3)
    own = model_of(replace(parameters, shape_residual=residual))
    torch.testing.assert_close(own.mean, load_default_model().mean + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "flame"}, "those of the face model flame where cc0-head is needed; talkinghead convert"),
        ({"identity": torch.zeros(81)}, "do not fit cc0-head"),
        ({"shape_residual": torch.zeros(7, 3)}, "do not fit cc0-head"),
    ],
)
def test_parameters_that_do_not_fit_the_model(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        personal_model(replace(nobody(80), **change))  # type: ignore[arg-type]
