"""One photo and one recording in, a video of that person speaking out.

    person, talker = Portrait.open("me.jpg"), Talker()
    talker.generate(person, "hello.wav", "hello.mp4")

docs/python.md is the tour. Importing this package loads nothing heavy; names bring in what they need when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face3d.lazy_names import lazy_names

if TYPE_CHECKING:
    from face3d.errors import InputError as InputError
    from face3d.parameters import FaceParameters as FaceParameters
    from talkinghead.animation import animate as animate
    from talkinghead.animation import animate_samples as animate_samples
    from talkinghead.config import Config as Config
    from talkinghead.config import load_config as load_config
    from talkinghead.exchange import convert as convert
    from talkinghead.exchange import export as export
    from talkinghead.fitting.result import Fit as Fit
    from talkinghead.fitting.sources import fit as fit
    from talkinghead.generation import generate as generate
    from talkinghead.portrait import Portrait as Portrait
    from talkinghead.reenactment import drive as drive
    from talkinghead.rendering import VideoResult as VideoResult
    from talkinghead.rendering import render as render
    from talkinghead.speech.model import SpeechModel as SpeechModel
    from talkinghead.talker import Talker as Talker

__version__ = "0.1.0"
_HOMES = {
    "Config": "talkinghead.config",
    "FaceParameters": "face3d.parameters",
    "Fit": "talkinghead.fitting.result",
    "InputError": "face3d.errors",
    "Portrait": "talkinghead.portrait",
    "SpeechModel": "talkinghead.speech.model",
    "Talker": "talkinghead.talker",
    "VideoResult": "talkinghead.rendering",
    "animate": "talkinghead.animation",
    "animate_samples": "talkinghead.animation",
    "convert": "talkinghead.exchange",
    "drive": "talkinghead.reenactment",
    "export": "talkinghead.exchange",
    "fit": "talkinghead.fitting.sources",
    "generate": "talkinghead.generation",
    "load_config": "talkinghead.config",
    "render": "talkinghead.rendering",
}
__all__, __getattr__, __dir__ = lazy_names(__name__, _HOMES)
