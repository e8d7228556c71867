"""The batched renderer works with what the compiled one has prepared: all of it, under public names."""

from __future__ import annotations

import ast
import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from renderers.batched.reduced_avatar import make_torch_avatar
from renderers.eyes.eyeball import Eyeball, Sphere
from renderers.eyes.lids import LashStrips
from renderers.eyes.opening import EyeOpening
from renderers.eyes.painter import Eye, EyesState
from renderers.face_network.correction import FaceRefinement, FaceView
from renderers.face_network.planes import FaceSurface
from renderers.head.driven_mesh import MeshState
from renderers.head.relight import RelightState
from renderers.mouth.anatomy import MouthAnatomy
from renderers.mouth.canvas import OwnMouth, Palette
from renderers.mouth.lip_seam import SeamState
from renderers.mouth.painter import MouthState
from renderers.mouth.planes import MouthContext
from renderers.photo.toning import Toning
from renderers.photo_avatar import AvatarState
from renderers.reduced_avatar import ReducedState
from renderers.surround.grid import HarmonicExtension
from renderers.surround.layer_kernels import LayersState
from renderers.surround.warp import SurroundState
from tests.renderers.batched.people import draw_person

if TYPE_CHECKING:
    from face3d.model.morphable_model import MorphableModel

ROOT = Path(__file__).resolve().parents[3]
# What is prepared, with all that lies in it.
STATES: list[Any] = [
    AvatarState,
    Eye,
    Eyeball,
    EyeOpening,
    EyesState,
    FaceRefinement,
    FaceSurface,
    FaceView,
    HarmonicExtension,
    LashStrips,
    LayersState,
    MeshState,
    MouthAnatomy,
    MouthContext,
    MouthState,
    OwnMouth,
    Palette,
    ReducedState,
    RelightState,
    SeamState,
    Sphere,
    SurroundState,
    Toning,
]
TWINS = [*sorted((ROOT / "renderers" / "batched").glob("*.py")), ROOT / "talkinghead" / "media" / "batched_planar.py"]


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_no_private_name_is_imported(path: Path) -> None:
    """A number that two modules use is named once, and not for one of them alone."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    assert not [alias.name for node in imports for alias in node.names if alias.name.startswith("_")]


def unread(model: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The fields of `STATES` that are not read while the twin of an avatar with all stages is made."""
    person = draw_person(model, 3, tone="grey", eyes="open", mouth="open", place="inside", factor=2, refine=True)
    avatar = person.avatar()
    read: dict[Any, set[str]] = defaultdict(set)

    def record(self: Any, name: str) -> Any:
        read[type(self)].add(name)
        return object.__getattribute__(self, name)

    with monkeypatch.context() as patch:
        for state in STATES:
            patch.setattr(state, "__getattribute__", record, raising=False)
        make_torch_avatar(avatar, "cpu")
    return {
        f"{state.__name__}.{field.name}"
        for state in STATES
        for field in dataclasses.fields(state)
        if field.name not in read[state]
    }


def test_all_that_is_prepared_is_read(model: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that only the compiled renderer knew would be a difference between the two."""
    assert unread(model, monkeypatch) == set()


def test_a_field_that_no_twin_reads_is_found(model: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    more = dataclasses.make_dataclass("More", [("forgotten", float, 0.0)], bases=(SeamState,), frozen=True)
    monkeypatch.setattr("renderers.mouth.lip_seam.SeamState", more)
    monkeypatch.setattr(f"{__name__}.STATES", [*STATES, more])
    assert unread(model, monkeypatch) - {f"SeamState.{field.name}" for field in dataclasses.fields(SeamState)} == {
        "More.forgotten"
    }


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_what_is_prepared_cannot_be_changed(state: Any) -> None:
    assert state.__dataclass_params__.frozen


def test_all_that_is_prepared_is_listed() -> None:
    """Each dataclass that is a field of one that is prepared, and whose home is the renderer."""
    inputs = {"Camera", "Grid", "MorphableModel", "Region", "RelightOptions"}
    kinds = {
        name
        for state in STATES
        for field in dataclasses.fields(state)
        for name in (node.id for node in ast.walk(ast.parse(str(field.type))) if isinstance(node, ast.Name))
    }
    names = {state.__name__ for state in STATES}
    defined = {
        node.name
        for path in (ROOT / "renderers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    }
    assert kinds & defined - inputs <= names
