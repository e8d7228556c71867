"""`FaceParameters` and its file."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from face3d.camera import Camera
from face3d.errors import InputError
from face3d.parameter_limits import LARGEST
from face3d.parameters import FORMAT_VERSION, OPTIONAL_FIELDS, RANGE_TOLERANCE, TENSOR_FIELDS, FaceParameters


def make(frames: int = 3, identity_size: int = 4, seed: int = 0, **changes: Any) -> FaceParameters:
    generator = torch.Generator().manual_seed(seed)
    fields: dict[str, Any] = {
        "identity": torch.randn(identity_size, generator=generator),
        "expression": torch.rand(frames, 52, generator=generator),
        "rotation": torch.randn(frames, 3, generator=generator),
        "translation": 100 * torch.randn(frames, 3, generator=generator),
        "eye_rotation": torch.randn(frames, 2, 2, generator=generator),
        "confidence": torch.rand(frames, generator=generator),
        "fps": 25.0,
        "camera": Camera(1200.0, (319.5, 240.25), (640, 480)),
    }
    return FaceParameters(**{**fields, **changes})


finite = st.floats(-1e4, 1e4, width=32)
cameras = st.builds(
    Camera,
    st.floats(1e-3, 1e6),
    st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)),
    st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)),
)


@given(st.integers(0, 20), st.integers(0, 90), st.integers(0, 1000), st.floats(0.1, 1e4), cameras)
def test_file_round_trip(
    tmp_path_factory: pytest.TempPathFactory, frames: int, identity_size: int, seed: int, fps: float, camera: Camera
) -> None:
    parameters = make(frames, identity_size, seed, fps=fps, camera=camera)
    path = tmp_path_factory.mktemp("y") / "person.safetensors"
    parameters.save(path)
    assert [p.name for p in path.parent.iterdir()] == ["person.safetensors"]
    loaded = FaceParameters.load(str(path))
    for name in TENSOR_FIELDS:
        assert torch.equal(getattr(loaded, name), getattr(parameters, name)), name
    assert (loaded.fps, loaded.camera, loaded.model) == (fps, camera, parameters.model)


def optional(seed: int = 0, vertices: int = 7, size: int = 5) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "shape_residual": torch.randn(vertices, 3, generator=generator),
        "texture": torch.rand(size, size, 3, generator=generator),
        "light": torch.randn(9, 3, generator=generator),
        "landmark_shapes": torch.randn(53, 468, 3, generator=generator),
    }


@given(st.sets(st.sampled_from(OPTIONAL_FIELDS)), st.integers(0, 9), st.integers(1, 9), st.integers(0, 1000))
def test_optional_tensors_round_trip(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], vertices: int, size: int, seed: int
) -> None:
    values = optional(seed, vertices, size)
    parameters = make(seed=seed, **{name: values[name] for name in names})
    path = tmp_path_factory.mktemp("y") / "person"
    parameters.save(path)
    for loaded in (FaceParameters.load(path), parameters.frames(1, 2)):
        for name in OPTIONAL_FIELDS:
            found = getattr(loaded, name)
            assert found is None if name not in names else torch.equal(found, values[name]), name


def test_files_of_the_first_version_can_be_read(tmp_path: Path) -> None:
    loaded = FaceParameters.load(write(tmp_path / "y", header_of(make()) | {"version": 1}))
    assert torch.equal(loaded.expression, make().expression)
    assert all(getattr(loaded, name) is None for name in OPTIONAL_FIELDS)


@pytest.mark.parametrize("field", OPTIONAL_FIELDS)
def test_optional_tensors_are_checked(field: str) -> None:
    value = optional()[field]
    bad = value.clone()
    bad.view(-1)[0] = math.nan
    with pytest.raises(InputError, match=rf"FaceParameters\.{field} .*(NaN|infinite)"):
        make(**{field: bad})
    for wrong in (value[None], value[..., :2], value.sum()):
        with pytest.raises(InputError, match=rf"FaceParameters\.{field} must have shape \["):
            make(**{field: wrong})
    with pytest.raises(InputError, match=rf"FaceParameters\.{field} must be a floating-point tensor"):
        make(**{field: value.tolist()})


def test_textures_are_square_and_stay_in_range() -> None:
    with pytest.raises(InputError, match=r"FaceParameters\.texture must have shape \[5, 5, 3\]"):
        make(texture=optional()["texture"][:, :4])
    with pytest.raises(InputError, match=r"FaceParameters\.texture must stay within 0\.\.1"):
        make(texture=optional()["texture"] + 1)


def test_files_hold_contiguous_float32(tmp_path: Path) -> None:
    """Views, other precisions and tensors that want gradients are written too."""
    whole = make(6)
    part = dataclasses.replace(
        whole,
        rotation=torch.randn(3, 6).T,
        translation=whole.translation.double(),
        identity=whole.identity.clone().requires_grad_(),
    )
    part.save(tmp_path / "y")
    loaded = FaceParameters.load(tmp_path / "y")
    assert all(getattr(loaded, n).dtype == torch.float32 for n in TENSOR_FIELDS)
    assert torch.equal(loaded.rotation, part.rotation)
    assert torch.equal(loaded.translation, part.translation.float())
    assert not loaded.identity.requires_grad


def test_length_duration_and_frames() -> None:
    parameters = make(10, fps=25.0)
    assert len(parameters) == 10
    assert parameters.duration == pytest.approx(0.4)
    part = parameters.frames(2, 5)
    assert len(part) == 3
    assert torch.equal(part.identity, parameters.identity)
    for name in ("expression", "rotation", "translation", "eye_rotation", "confidence"):
        assert torch.equal(getattr(part, name), getattr(parameters, name)[2:5])
    assert len(parameters.frames(8, 99)) == 2


@pytest.mark.parametrize("field", TENSOR_FIELDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(field: str, bad: float) -> None:
    value = getattr(make(), field).clone()
    value.view(-1)[0] = bad
    with pytest.raises(InputError, match=rf"FaceParameters\.{field} .*(NaN|infinite)"):
        make(**{field: value})


@pytest.mark.parametrize("field", TENSOR_FIELDS)
def test_shapes_must_fit(field: str) -> None:
    value: Tensor = getattr(make(), field)
    # Another number of dimensions; for all but identity, another last or first size too.
    wrong = [value[None], value.sum()]
    if field not in ("identity", "confidence"):
        wrong.append(value[..., :-1])
    if field not in ("identity", "expression"):
        wrong.append(value[:-1])
    for tensor in wrong:
        with pytest.raises(InputError, match=rf"FaceParameters\.{field} must have shape \["):
            make(**{field: tensor})


@pytest.mark.parametrize("field", TENSOR_FIELDS)
@pytest.mark.parametrize("kind", ["list", "integers", "nothing"])
def test_fields_must_be_floating_tensors(field: str, kind: str) -> None:
    value = getattr(make(), field)
    bad = {"list": value.tolist(), "integers": value.long(), "nothing": None}[kind]
    with pytest.raises(InputError, match=rf"FaceParameters\.{field} must be a floating-point tensor"):
        make(**{field: bad})


@given(st.sampled_from(["expression", "confidence"]), st.one_of(st.floats(-5, -0.002), st.floats(1.002, 5)))
def test_weights_must_stay_in_range(field: str, bad: float) -> None:
    value = getattr(make(), field).clone()
    value.view(-1)[-1] = bad
    with pytest.raises(InputError, match=rf"FaceParameters\.{field} must stay within 0\.\.1"):
        make(**{field: value})


def test_rounding_may_step_over_the_range() -> None:
    high, low = torch.full((3, 52), 1 + 0.9 * RANGE_TOLERANCE), torch.full((3,), -0.9 * RANGE_TOLERANCE)
    parameters = make(expression=high, confidence=low)
    assert torch.equal(parameters.expression, high)
    assert torch.equal(parameters.confidence, low)


@pytest.mark.parametrize("fps", [0.0, -25.0, math.nan, math.inf, "25", None, 1e-300, 1e-3, 1e300, 10**400])
def test_fps_must_be_positive(fps: object) -> None:
    with pytest.raises(InputError, match=r"FaceParameters\.fps"):
        make(fps=fps)


def test_unknown_model() -> None:
    with pytest.raises(InputError, match=r"FaceParameters\.model 'basel' is unknown; known models: cc0-head"):
        make(model="basel")


def header_of(parameters: FaceParameters) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "fps": parameters.fps,
        "model": parameters.model,
        "camera": dataclasses.asdict(parameters.camera),
    }


def write(path: Path, header: object, drop: str = "", **changes: Tensor) -> Path:
    """A file with any header and tensors."""
    parameters = make()
    tensors = {n: getattr(parameters, n).clone() for n in TENSOR_FIELDS if n != drop} | changes
    save_file(
        tensors, str(path), metadata={"face_parameters": header if isinstance(header, str) else json.dumps(header)}
    )
    return path


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "y"
    make().save(path)
    return path.read_bytes()


def load_error(path: Path) -> str:
    """The one sentence that loading this file gives; it names the file, unless it names the field."""
    with pytest.raises(InputError) as caught:
        FaceParameters.load(path)
    message = str(caught.value)
    assert str(path) in message or "FaceParameters." in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("size", [0, 1, 8, 9, 100, 0.5, 0.99, -1])
def test_truncated_files(tmp_path: Path, good_file: bytes, size: float) -> None:
    path = tmp_path / "y.safetensors"
    path.write_bytes(good_file[: int(len(good_file) * size) if isinstance(size, float) else size])
    assert "not a face-parameter file (.safetensors), or a damaged one" in load_error(path)


@given(st.binary(max_size=200))
def test_foreign_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("foreign") / "y"
    path.write_bytes(content)
    assert "not a face-parameter file" in load_error(path)


def test_huge_header_length(tmp_path: Path, good_file: bytes) -> None:
    path = tmp_path / "y"
    path.write_bytes(struct.pack("<Q", 2**60) + good_file[8:])
    assert "not a face-parameter file" in load_error(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "no face-parameter file" in load_error(tmp_path / "nothing.safetensors")
    assert "no face-parameter file" in load_error(tmp_path)


def test_other_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(3)}, str(path))
    assert "holds no face parameters" in load_error(path)


@pytest.mark.parametrize(
    "change",
    [
        {"fps": None},
        {"fps": "fast"},
        {"camera": None},
        {"camera": {}},
        {"camera": {"focal_px": 1.0, "principal_point_px": [1.0], "image_size": [2, 2]}},
        {"camera": {"focal_px": -1.0, "principal_point_px": [1.0, 1.0], "image_size": [2, 2]}},
        {"camera": {"focal_px": 1.0, "principal_point_px": [1.0, 1.0], "image_size": [math.inf, 2]}},
        {"version": "new"},
        {"version": None},
    ],
    ids=str,
)
def test_damaged_headers(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write(tmp_path / "y", header_of(make()) | change)
    assert "damaged face-parameter header" in load_error(path)


@pytest.mark.parametrize("header", ["", "{", "null", "[]", "3", '"text"'])
def test_headers_that_are_no_object(tmp_path: Path, header: str) -> None:
    assert "damaged face-parameter header" in load_error(write(tmp_path / "y", header))


@pytest.mark.parametrize("key", ["version", "fps", "model", "camera"])
def test_incomplete_headers(tmp_path: Path, key: str) -> None:
    header = header_of(make())
    del header[key]
    assert key in load_error(write(tmp_path / "y", header))


def test_newer_version(tmp_path: Path) -> None:
    """Whatever else the newer format changed."""
    message = load_error(write(tmp_path / "y", {"version": FORMAT_VERSION + 1}, drop="confidence"))
    assert f"version {FORMAT_VERSION + 1}" in message
    assert "update" in message


def test_unknown_model_in_a_file(tmp_path: Path) -> None:
    assert "basel" in load_error(write(tmp_path / "y", header_of(make()) | {"model": "basel"}))


@pytest.mark.parametrize("field", TENSOR_FIELDS)
def test_missing_field_in_a_file(tmp_path: Path, field: str) -> None:
    assert f"lacks {field}" in load_error(write(tmp_path / "y", header_of(make()), drop=field))


def test_invalid_numbers_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "y", header_of(make()), expression=torch.full((3, 52), 2.0))
    assert "expression" in load_error(path)


def test_unknown_tensors_in_a_file_are_ignored(tmp_path: Path) -> None:
    """A later minor version may add some."""
    loaded = FaceParameters.load(write(tmp_path / "y", header_of(make()), comment=torch.zeros(2)))
    assert torch.equal(loaded.expression, make().expression)


def test_failed_save_leaves_nothing_behind_and_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "y.safetensors"
    make(2).save(path)
    before = path.read_bytes()

    def break_down(tensors: object, name: str, metadata: object) -> None:
        Path(name).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("face3d.parameters.save_file", break_down)
    with pytest.raises(InputError, match="Cannot write .*: No space left on device"):
        make(5).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_where_no_folder_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot write .*missing"):
        make().save(tmp_path / "missing" / "y.safetensors")


def test_saving_onto_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(InputError, match="Cannot write .*folder"):
        make().save(target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_saved_files_have_the_mode_of_new_files(tmp_path: Path, mask: int) -> None:
    previous = os.umask(mask)
    try:
        make().save(tmp_path / "y")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "y").stat().st_mode) == 0o666 & ~mask


ABSURD = [
    *(({field: value}, field) for field in LARGEST for value in (1e38, -1e38, 3e7)),
    ({"fps": 1e-300}, "fps"),
    ({"fps": 1e300}, "fps"),
    ({"camera": Camera(1e300, (1.0, 1.0), (2, 2))}, "focal_px"),
    ({"camera": Camera(1e-300, (1.0, 1.0), (2, 2))}, "focal_px"),
    ({"camera": Camera(1e3, (1e30, 1.0), (2, 2))}, "principal_point_px"),
    ({"camera": Camera(1e3, (1.0, 1.0), (10**9, 2))}, "image_size"),
    ({"texture": torch.zeros(0, 0, 3)}, "texture"),
]


@pytest.mark.parametrize(("change", "field"), ABSURD, ids=str)
def test_finite_and_absurd_numbers(change: dict[str, Any], field: str, tmp_path: Path) -> None:
    """In memory and in a file: they would come to grief somewhere behind."""
    fields = dict(change)
    for name, value in fields.items():
        if isinstance(value, float) and name != "fps":
            fields[name] = (make(**optional()) if name in OPTIONAL_FIELDS else make()).__getattribute__(name).clone()
            fields[name].view(-1)[-1] = value
    with pytest.raises(InputError, match=rf"FaceParameters\.(camera\.)?{field} must "):
        make(**fields)
    header = header_of(make())
    if "fps" in fields:
        header["fps"] = fields.pop("fps")
    if "camera" in fields:
        header["camera"] = dataclasses.asdict(fields.pop("camera"))
    message = load_error(write(tmp_path / "y", header, **fields))
    assert field in message
    assert str(tmp_path / "y") in message


@pytest.mark.parametrize("field", [*TENSOR_FIELDS, *OPTIONAL_FIELDS])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_brought_to_single(field: str, kind: torch.dtype, tmp_path: Path) -> None:
    value = {**optional(), **{n: getattr(make(), n) for n in TENSOR_FIELDS}}[field].to(kind)
    loaded = FaceParameters.load(write(tmp_path / "y", header_of(make()), **{field: value}))
    for parameters in (loaded, make(**{field: value})):
        found = getattr(parameters, field)
        assert found.dtype == torch.float32
        assert torch.equal(found, value.float())


def test_a_number_too_large_for_single_precision(tmp_path: Path) -> None:
    path = write(tmp_path / "y", header_of(make()), rotation=torch.full((3, 3), 1e300, dtype=torch.float64))
    assert "FaceParameters.rotation holds NaN or infinite numbers" in load_error(path)


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2", "int8", "int32", "int64", "uint8", "bool"])
def test_other_kinds_of_numbers_are_refused(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "y", header_of(make()), rotation=torch.zeros(3, 3).to(getattr(torch, kind)))
    message = load_error(path)
    assert "FaceParameters.rotation must be a floating-point tensor of 16 to 64 bits" in message
    assert str(path) in message


@pytest.mark.parametrize("deep", ["[" * 10_000, '{"a":' * 10_000, '{"version": 3, "camera": ' + "[" * 100_000])
def test_deeply_nested_headers(deep: str, tmp_path: Path) -> None:
    assert "damaged face-parameter header" in load_error(write(tmp_path / "y", deep))


@pytest.mark.parametrize("name", ["n" * 300, "a\0b"])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read|no face-parameter file"):
        FaceParameters.load(tmp_path / name)


def load_or_refuse(path: Path) -> None:
    """Only a valid object or a sentence comes out."""
    problem = f"{path}"
    try:
        FaceParameters.load(path)
    except InputError as error:
        problem = str(error)
    assert str(path) in problem
    assert "\n" not in problem


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=4), st.booleans())
def test_flipped_bits(
    tmp_path_factory: pytest.TempPathFactory, good_file: bytes, flips: list[tuple[float, int]], in_header: bool
) -> None:
    damaged = bytearray(good_file)
    reach = 8 + struct.unpack("<Q", good_file[:8])[0] if in_header else len(good_file)
    for place, bit in flips:
        damaged[int(place * reach)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "y"
    path.write_bytes(damaged)
    load_or_refuse(path)


@given(st.floats(0, 1), st.binary(max_size=20))
def test_cut_off_and_lengthened(
    tmp_path_factory: pytest.TempPathFactory, good_file: bytes, kept: float, more: bytes
) -> None:
    path = tmp_path_factory.mktemp("cut") / "y"
    path.write_bytes(good_file[: round(kept * len(good_file))] + more)
    load_or_refuse(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = [("version",), ("fps",), ("model",), ("camera",)]
PLACES += [("camera", n) for n in ("focal_px", "principal_point_px", "image_size")]


@given(st.lists(st.tuples(st.sampled_from(PLACES), json_values), min_size=1, max_size=3))
def test_swapped_metadata(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[str, ...], Any]]) -> None:
    header = header_of(make())
    for place, value in changes:
        inside = header if len(place) == 1 else header["camera"]
        if isinstance(inside, dict):
            inside[place[-1]] = value
    load_or_refuse(write(tmp_path_factory.mktemp("swapped") / "y", header))


@given(
    st.sampled_from([*TENSOR_FIELDS, *OPTIONAL_FIELDS]),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([torch.float32, torch.float16, torch.int16, torch.bool]),
)
def test_swapped_tensors(
    tmp_path_factory: pytest.TempPathFactory, field: str, shape: list[int], kind: torch.dtype
) -> None:
    path = write(tmp_path_factory.mktemp("s") / "y", header_of(make()), **{field: torch.zeros(shape).to(kind)})
    load_or_refuse(path)


def test_a_huge_declared_size(tmp_path: Path, good_file: bytes) -> None:
    length = struct.unpack("<Q", good_file[:8])[0]
    header = json.loads(good_file[8 : 8 + length])
    for shape, end in (([2**40, 52], 2**40 * 208), ([2**62, 2**62], 2**63)):
        header["expression"].update(shape=shape, data_offsets=[0, end])
        text = json.dumps(header).encode()
        (tmp_path / "y").write_bytes(struct.pack("<Q", len(text)) + text + good_file[8 + length :])
        load_error(tmp_path / "y")


def test_equality() -> None:
    """Of numbers and of what describes them."""
    one, same = make(**optional()), make(**optional())
    assert one == same
    assert one != make()
    assert one != "something else"
    assert one != dataclasses.replace(one, fps=30.0)
    assert one != dataclasses.replace(one, camera=one.camera.scaled(2))
    assert one != dataclasses.replace(one, model="flame")
    assert one != one.frames(0, 2)
    for field in (*TENSOR_FIELDS, *OPTIONAL_FIELDS):
        changed = getattr(one, field).clone()
        changed.view(-1)[0] = 0.5
        assert one != dataclasses.replace(one, **{field: changed}), field
