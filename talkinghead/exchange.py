"""Motion for other tools and other face models, from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from face3d.errors import InputError

if TYPE_CHECKING:
    from face3d.model.morphable_model import MorphableModel
    from face3d.parameters import FaceParameters

# What a name's ending means where no format is given, and the ending of each format.
FORMAT_OF = {".glb": "glb", ".json": "json", ".npz": "landmarks", ".csv": "livelink-csv"}
ENDING_OF = {**{name: ending for ending, name in FORMAT_OF.items()}, "neutral": ".npz"}


def export(
    motion: FaceParameters, output: str | Path, format: str | None = None, model: MorphableModel | None = None
) -> None:
    """Write motion for other tools: animated GLB, Live Link Face CSV, JSON, or arrays.

    Args:
        motion: what to write.
        output: the file, complete or not at all; its ending says which format, unless `format` does.
        format: "glb", "livelink-csv", "json", "landmarks" or "neutral".
        model: the face model of the motion, where it is one that you bring.

    Raises:
        InputError: there is no such format, or the file cannot be written.
    """
    from talkinghead.exports.write import write_export
    from talkinghead.media.output import check_output

    kind = format or FORMAT_OF.get(Path(output).suffix.lower())
    if kind not in ENDING_OF:
        known = ", ".join(sorted(ENDING_OF if format else FORMAT_OF))
        raise InputError(f"{format or Path(output).name!r} cannot be exported to; known: {known}.")
    check_output(output, ENDING_OF[kind])
    write_export(motion, kind, output, model)


def convert(motion: FaceParameters, to: str, method: str = "arkit", source: str | None = None) -> FaceParameters:
    """The same performance and person for another face model.

    Args:
        motion: what to convert.
        to: "cc0-head", or a model of yours as "NAME=PATH", or its name where the environment says its path.
        method: "arkit", expressions by name, or "least-squares", by the motion of landmarks.
        source: the motion's own model as "NAME=PATH", where it is one of yours.

    Raises:
        InputError: a model cannot be had, or does not fit.
    """
    from face3d.conversion import convert as converted
    from face3d.model.registry import load_model, load_named_model

    own = load_model(motion.model) if source is None else load_named_model(source)
    return converted(motion, own, load_named_model(to), method)
