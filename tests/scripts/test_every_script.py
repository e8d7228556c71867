"""Every script that the documents quote starts, explains itself, and does its work on a small made-up input."""

from __future__ import annotations

import ast
import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix
from face3d.model.morphable_model import LANDMARKS_7, MorphableModel
from scripts.lab.face_model.synthetic_faces import FaceSynthesizer

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
FINDS_THE_REPOSITORY = "sys.path.insert(0, str(Path(__file__).resolve().parents[1]))"
WITH_OPTIONS = [path for path in SCRIPTS if "ArgumentParser(" in path.read_text(encoding="utf-8")]


def run(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: str | Path) -> None:
    """As from the command line, in this process."""
    path = ROOT / "scripts" / script
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", WITH_OPTIONS, ids=[path.stem for path in WITH_OPTIONS])
def test_scripts_explain_themselves(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, path.name, "--help")
    assert stopped.value.code == 0
    assert "usage:" in capsys.readouterr().out


def imports_of_ours(path: Path) -> list[int]:
    """Lines that import from this repository."""
    ours = {"face3d", "renderers", "scripts", "talkinghead"}
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found += [node.lineno for name in names if name.split(".")[0] in ours]
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_scripts_find_the_repository_wherever_they_are_started(path: Path) -> None:
    """All in the same way, whether the packages are installed or not; type checkers need no help."""
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines, 1) if "sys.path" in line]
    used = [line for line in imports_of_ours(path) if "TYPE_CHECKING" not in "".join(lines[max(0, line - 4) : line])]
    assert [lines[number - 1] for number in places] == ([FINDS_THE_REPOSITORY] if used else [])
    assert not used or places[0] < min(used)


def test_the_models_own_style_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import fields

    from talkinghead.speech.perform.style import MotionStyle

    run(monkeypatch, "measure_style.py", ROOT / "examples" / "demo.wav", "--seeds", "2")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith("s, 2 seeds")
    assert {line.split("=")[0].strip() for line in lines} == {field.name for field in fields(MotionStyle)} - {"rest"}


@pytest.fixture
def portrait(tmp_path: Path, astronaut: np.ndarray) -> Path:
    """The astronaut with a face of about 160 px."""
    large = cv2.resize(astronaut[..., ::-1], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "portrait.png"), large)
    return tmp_path / "portrait.png"


def test_noise_is_measured(portrait: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "measure_noise.py", portrait, "--count", "3")
    header, *lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines[: lines.index("scores of faces of 120 pixels and more:")]]
    assert [row[0] for row in rows] == ["60", "90", "130"]
    assert len(header.split()) == len(rows[0]) - 3  # angles carry a unit
    assert all(0 < float(row[2].rstrip("%")) < 3 for row in rows), "of the outline, of the face's size"


def test_noise_of_small_faces_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "measure_noise.py", ROOT / "tests" / "data" / "astronaut.jpg", "--count", "2")
    assert "no face of 120 pixels" in capsys.readouterr().out


def test_noise_of_fits_is_measured(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "measure_noise.py", portrait, "--count", "3", "--fit")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("1 pictures")
    assert len(lines) == 62


@pytest.fixture
def known_faces(tmp_path: Path, model: MorphableModel) -> Path:
    """One head in four pictures."""
    made = FaceSynthesizer(model, 3)
    head = made.sample()
    detail = made.sample_detail()
    faces = [made.sample(head.identity, detail) for _ in range(4)]
    # A channel counts where it moves in four pictures.
    moving = np.std([f.expression for f in faces], 0)
    channels = [ARKIT_NAMES[i] for i in np.argsort(moving)[-2:]]
    frames = []
    for number, face in enumerate(faces):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.asarray(face.image)[..., ::-1])
        rotation = np.diag(HEAD_TO_CAMERA_DIAGONAL) @ axis_angle_to_matrix(_tensor(face.rotation)).numpy()
        weights = {name: float(face.expression[ARKIT_INDEX[name]]) + 1e-3 for name in channels}
        frames.append({"image": f"{number}.png", "subject": "a.npz", "rotation": rotation.tolist(), "arkit": weights})
    head_at_rest = faces[0].neutral
    landmarks = model.landmarks478.of(_tensor(head_at_rest))[list(LANDMARKS_7)].numpy()
    np.savez(tmp_path / "a.npz", neutral_face_mm=head_at_rest, faces=model.triangles.numpy(), landmarks7_mm=landmarks)
    (tmp_path / "frames.json").write_text(json.dumps(frames))
    return tmp_path


def _tensor(values: np.ndarray):  # type: ignore[no-untyped-def]
    import torch

    return torch.from_numpy(np.asarray(values, np.float64))


def test_known_faces_are_measured(
    known_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "benchmark_known_faces.py", known_faces, "--predictions", tmp_path / "p")
    found = json.loads(capsys.readouterr().out)
    assert 0.1 < found["identity_all"]["median"] < 3
    assert found["pose_degrees_median"] < 15
    assert len(found["expression_r"]) == 2
    assert -1 <= found["expression_r_mean"] <= 1
    assert (tmp_path / "p" / "one" / "a.npz").is_file()
    assert (tmp_path / "p" / "all" / "a.npz").is_file()
