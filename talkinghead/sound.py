"""What is spoken: the user's recording, or a text made into one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile


@contextmanager
def sound_of(audio: str | Path | None, text: str | None, seed: int) -> Iterator[AudioFile]:
    """The recording, or `text` spoken into a temporary file.

    Raises:
        InputError: both or neither are given, or the one given cannot be used.
    """
    if (audio is None) == (text is None):
        raise InputError("Give either a recording (--audio) or words to say (--text).")
    with ExitStack() as stack:
        if text is not None:
            from talkinghead.tts import synthesize

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="talkinghead-"))
            audio = Path(folder) / "speech.wav"
            synthesize(text, audio, seed)
        assert audio is not None  # noqa: S101 - one of them was given
        yield AudioFile.open(audio)
