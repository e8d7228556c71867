"""What the scripts that train the renderer's networks share: options from a file, and the files to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

from face3d.errors import InputError

Options = TypeVar("Options")

# Endings of the files that examples are made of.
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
VIDEOS = frozenset({".mp4", ".mpg", ".mov", ".mkv", ".webm", ".avi"})


def with_changes(defaults: Options, path: Path | None) -> Options:
    """The defaults, a dataclass, changed by a YAML file of options.

    Raises:
        InputError: the file cannot be read, is no YAML mapping, or names an option that there is not.
    """
    if path is None:
        return defaults
    try:
        changes = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from error
    names = [field.name for field in fields(cast(Any, defaults))]
    unknown = [str(name) for name in changes if name not in names] if isinstance(changes, dict) else [str(changes)]
    if unknown:
        raise InputError(f"{path}: there is no option {unknown[0]!r}; those of the training are {', '.join(names)}.")
    if "widths" in changes:
        changes["widths"] = tuple(changes["widths"])
    return cast(Options, replace(cast(Any, defaults), **changes))


def files_of(folders: Sequence[Path], endings: frozenset[str], skipped: Sequence[str]) -> list[Path]:
    """Files with one of the endings, by name, without those whose names begin as one of `skipped`.

    Raises:
        InputError: a folder is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder; give folders of photos or videos.")
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in endings]
    return [path for path in paths if not path.stem.startswith(tuple(skipped))]


def say_kept(examples: Path) -> None:
    """Print how many files of examples a folder holds."""
    photos, clips = (len(list(examples.glob(f"{kind}_*.npz"))) for kind in ("photo", "clip"))
    print(f"{examples} now holds examples of {photos} photos and {clips} videos")
