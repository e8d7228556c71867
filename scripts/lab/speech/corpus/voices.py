"""The synthetic voices of the corpus, all offline: hibari, Kokoro, flite, festival, espeak-ng.

A voice is named by one line, `engine:argument[:argument...]`, which is all that is needed to make it again.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.corpus.espeak import Espeak
from scripts.lab.speech.corpus.ipa import phone_segments
from scripts.lab.speech.corpus.kokoro import RATE as KOKORO_RATE
from scripts.lab.speech.corpus.kokoro import Kokoro
from scripts.lab.speech.corpus.kokoro_letters import from_ipa, from_pinyin
from scripts.lab.speech.corpus.languages import ESPEAK_VOICES
from scripts.lab.speech.corpus.phones import PhoneSegment

Samples = NDArray[np.float32]
Timed = tuple[Samples, list[tuple[str, float, float]]]  # sound at 16 kHz; IPA, start and end of its phones
_PUNCTUATION = ';:,.!?—…"()“” ¿¡'
_HIBARI_RATE = 24_000


@dataclass(frozen=True)
class Voice:
    """One voice of the corpus.

    Attributes:
        name: `engine:arguments`, for example `flite:slt` or `hibari:0.80:1.06:0.95` (pitch, formants, tempo).
        sentences: how many sentences it reads.
        development: its sentences come from templates that no training voice reads; never trained on.
    """

    name: str
    sentences: int
    development: bool = False


def corpus_voices(with_kokoro: bool) -> list[Voice]:
    """The voices of `speech-v1`, in the order in which they are made."""
    rng = np.random.default_rng(7)
    hibari = []
    for _ in range(40):
        # Low pitch goes with long vocal tracts: formants follow pitch loosely.
        pitch = float(np.exp(rng.uniform(np.log(0.5), np.log(1.35))))
        formants = float(np.clip(0.93 + 0.14 * (pitch - 0.8) + rng.normal(0, 0.04), 0.84, 1.14))
        hibari.append(f"hibari:{pitch:.2f}:{formants:.2f}:{rng.uniform(0.8, 1.25):.2f}")
    voices = [Voice(name, 24) for name in hibari]
    voices += [Voice(f"flite:{name}", 50) for name in ("rms", "slt", "kal16")] + [Voice("flite:awb", 16, True)]
    voices += [Voice(f"festival:{name}", 40) for name in ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")]
    espeak = ("en-us:150:40", "en-us+f3:165:55", "en-gb+m5:140:35", "en-us+m2:185:45", "en-gb-scotland+f2:155:60")
    voices += [Voice(f"espeak:{name}", 16) for name in espeak]
    if with_kokoro:
        held_out = ("af_bella", "am_puck", "bf_emma", "bm_lewis")
        voices += [Voice(f"kokoro:{name}", 8, True) for name in held_out]
        voices += [Voice(f"kokoro:{name}", 14) for name in _KOKORO_ENGLISH if name not in held_out]
    return voices


_KOKORO_ENGLISH = [
    "af_alloy",
    "am_adam",
    "bf_alice",
    "bm_daniel",
    "af_aoede",
    "am_echo",
    "bf_isabella",
    "bm_fable",
    "af_heart",
    "am_eric",
    "bf_lily",
    "bm_george",
    "af_jessica",
    "am_fenrir",
    "af_kore",
    "af_bella",
    "am_puck",
    "bf_emma",
    "bm_lewis",
]


@dataclass(frozen=True)
class Speech:
    """One spoken sentence: `samples [N]` at 16 kHz, peak 0.7, and its phones where the engine gives their times."""

    samples: Samples
    phones: list[PhoneSegment] | None = None


class Synthesiser:
    """Speaks sentences in any voice. `kokoro`: folder with `kokoro.onnx` and `voices/*.bin`, needed for those only."""

    def __init__(self, kokoro: Path | None = None) -> None:
        self._folder = kokoro
        self._engines: dict[str, Callable[[list[str], str], Samples]] = {
            "hibari": _speak_hibari,
            "kokoro": self._speak_kokoro,
            "flite": _speak_flite,
            "festival": _speak_festival,
            "espeak": _speak_espeak,
        }

    def speak(self, voice: str, text: str, language: str = "en") -> Speech:
        """One sentence; English comes without phones: the aligner finds them in the sound.

        Other languages are spoken by `espeak` and `kokoro` voices, which tell when each phone begins.
        """
        engine, *arguments = voice.split(":")
        if language == "en":
            return Speech(_levelled(self._engines[engine](arguments, text)))
        speak = {"espeak": _speak_foreign_espeak, "kokoro": self._speak_foreign_kokoro}[engine]
        samples, timed = speak(arguments, text, language)
        samples = _levelled(samples)
        return Speech(samples, phone_segments(timed, samples, language))

    def _speak_kokoro(self, arguments: list[str], text: str) -> Samples:
        speaker, tempo = arguments[0], float(arguments[1]) if len(arguments) > 1 else 1.0
        hibari = _hibari()  # its dictionary writes Kokoro's own alphabet
        parts = [self._kokoro().speak(p, hibari.vocab, speaker, tempo).samples for p in hibari.phonemize(text)]
        return _resampled(np.concatenate(parts), KOKORO_RATE)

    def _speak_foreign_kokoro(self, arguments: list[str], text: str, language: str) -> Timed:
        speaker, tempo = arguments[0], float(arguments[1])
        if language == "cmn":
            letters = from_pinyin(text)
        else:
            letters = from_ipa(_espeak().spell(ESPEAK_VOICES[language], text), language, text[-1])
        spoken = self._kokoro().speak(letters, _hibari().vocab, speaker, tempo)
        return _resampled(spoken.samples, KOKORO_RATE), _phones_of_letters(spoken.letters)

    def _kokoro(self) -> Kokoro:
        if self._folder is None:
            raise ValueError(
                "Kokoro voices need the folder with kokoro.onnx and voices/ (see docs of train_speech.py)."
            )
        return _kokoro(self._folder)


def _phones_of_letters(letters: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Stress signs give their time to the vowel after them; punctuation and spaces lose their names."""
    phones = []
    stressed: float | None = None
    for letter, start, end in letters:
        if letter in "ˈˌ":
            stressed = start if stressed is None else stressed
            continue
        phones.append(("" if letter in _PUNCTUATION else letter, start if stressed is None else stressed, end))
        stressed = None
    return phones


def _levelled(samples: Samples) -> Samples:
    return (samples * (0.7 / max(float(np.abs(samples).max()), 1e-6))).astype(np.float32)


@lru_cache(maxsize=1)
def _espeak() -> Espeak:
    return Espeak()


@lru_cache(maxsize=1)
def _hibari() -> Any:
    from hibari import Hibari

    return Hibari()


@lru_cache(maxsize=1)
def _kokoro(folder: Path) -> Kokoro:
    return Kokoro(folder)


def _speak_hibari(arguments: list[str], text: str) -> Samples:
    """The one voice of the wheel with pitch and spectral envelope scaled before its vocoder: another speaker."""
    from hibari import dsp

    pitch, formants, tempo = (float(a) for a in arguments)
    hibari = _hibari()
    rng = np.random.default_rng(0)
    parts = []
    for phonemes in hibari.phonemize(text):
        feed = {"ids": np.array([hibari.ids(phonemes)], np.int64), "speed": np.array([tempo], np.float32)}
        lh, th, ln, lr, phi, f0 = (out[0] for out in hibari.sess.run(None, feed))
        lh, ln, lr = (_warp_bins(spectrum, formants) for spectrum in (lh, ln, lr))
        parts.append(dsp.synth(lh, th, ln, lr, phi, f0 * pitch, rng))
    return _resampled(np.concatenate(parts), _HIBARI_RATE)


def _warp_bins(spectrum: Samples, factor: float) -> Samples:  # [bins, frames]
    """Move every formant from f to f * factor."""
    bins = len(spectrum)
    position = np.clip(np.arange(bins) / factor, 0, bins - 1)
    low = np.minimum(position.astype(int), bins - 2)
    weight = (position - low)[:, None].astype(np.float32)
    return np.ascontiguousarray(spectrum[low] * (1 - weight) + spectrum[low + 1] * weight, dtype=np.float32)


def _speak_flite(arguments: list[str], text: str) -> Samples:
    stretch = ["--setf", f"duration_stretch={1 / float(arguments[1]):.3f}"] if len(arguments) > 1 else []
    return _from_program(lambda wav: ["flite", "-voice", arguments[0], *stretch, "-t", text, "-o", wav])


def _speak_espeak(arguments: list[str], text: str) -> Samples:
    voice, speed, pitch = arguments
    return _from_program(lambda wav: ["espeak-ng", "-v", voice, "-s", speed, "-p", pitch, "-w", wav, text])


def _speak_foreign_espeak(arguments: list[str], text: str, language: str) -> Timed:
    voice, speed, pitch = arguments
    spoken = _espeak().speak(voice, text, int(speed), int(pitch))
    return _resampled(spoken.samples, spoken.rate), spoken.phones


def _speak_festival(arguments: list[str], text: str) -> Samples:
    choose = ["-eval", f"(voice_{arguments[0]})"]
    if len(arguments) > 1:
        choose += ["-eval", f"(Parameter.set 'Duration_Stretch {1 / float(arguments[1]):.3f})"]
    return _from_program(lambda wav: ["text2wave", *choose, "-o", wav], text.encode())


def _from_program(command: Callable[[str], list[str]], stdin: bytes = b"") -> Samples:
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "speech.wav")
        subprocess.run(command(wav), input=stdin, check=True, capture_output=True)
        samples, rate = soundfile.read(wav, dtype="float32")
    return _resampled(samples, rate)


def _resampled(samples: Samples, rate: int) -> Samples:
    if rate == SAMPLE_RATE:
        return samples
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    return resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
