"""espeak-ng through its library: sound with the time of every phone, and phonetic spelling for other engines.

The program itself prints no times. The library (Debian's libespeak-ng1, a tool of the corpus builder only) sends one
event per phone. It is one global state: use it from one thread.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 0x1 | 0x2
_UTF8 = 1
_RATE, _PITCH = 1, 3
_END_OF_LIST, _PHONEME = 0, 7
_LATE_SECONDS = 0.01  # the sound comes before the event: 5-20 ms, measured on eight languages
_IPA_SPELLING = 0x02


@dataclass(frozen=True)
class TimedPhones:
    """`samples [N]` (-1..1) at `rate` Hz; `phones`: IPA, start and end in seconds, empty names between words."""

    samples: NDArray[np.float32]
    rate: int
    phones: list[tuple[str, float, float]]


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, loaded once."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL("libespeak-ng.so.1")
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IN_IPA)
        if self.rate <= 0:
            raise RuntimeError("libespeak-ng did not start: are its data files installed?")
        self._sound: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        self._callback = _Callback(self._receive)  # kept: the library holds no reference
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, sound: Any, count: int, events: Any) -> int:
        index = 0
        while events[index].type != _END_OF_LIST:
            if events[index].type == _PHONEME:
                self._events.append((events[index].sample, events[index].id.string.decode("utf-8", "ignore")))
            index += 1
        if sound and count:
            self._sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
        return 0

    def _choose(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}.")

    def speak(self, voice: str, text: str, words_per_minute: int, pitch: int) -> TimedPhones:
        """Speak a text. `voice`: language and variant (`fr+f2`); `pitch` 0..99."""
        self._choose(voice)
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._sound, self._events = [], []
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = (np.concatenate(self._sound) / np.float32(32768)).astype(np.float32)
        # A phone's name that is a language in brackets announces a switch of language, not a sound.
        events = [
            (max(sample / self.rate - _LATE_SECONDS, 0.0), "" if name.startswith("(") else name)
            for sample, name in self._events
        ]
        ends = [start for start, _ in events[1:]] + [len(samples) / self.rate]
        phones = [(name, start, end) for (start, name), end in zip(events, ends, strict=True)]
        return TimedPhones(samples, self.rate, phones)

    def spell(self, voice: str, text: str) -> list[str]:
        """IPA of each clause of a text, with stress signs and spaces between words."""
        self._choose(voice)
        buffer = ctypes.create_string_buffer(text.encode())
        pointer = ctypes.c_void_p(ctypes.addressof(buffer))
        clauses = []
        while pointer.value:
            spelled = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), _UTF8, _IPA_SPELLING)
            clauses.append(spelled.decode())
        return [clause.strip() for clause in clauses if clause.strip()]
