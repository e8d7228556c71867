"""The generator's file: half-precision tensors and a JSON header, in safetensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from talkinghead.speech.generate.implicit import (
    CodedStream,
    CodeSize,
    MotionDecoder,
    MotionSource,
    coded_windows,
    decoder_header,
)
from talkinghead.speech.generate.network import GeneratorSize, MotionNetwork
from talkinghead.speech.generate.windows import MotionStream, Rest, SamplingOptions
from talkinghead.speech.weights_file import must_fit, read_halves, write_halves

FORMAT = 1
_METADATA_KEY = "motion_generator"
_REST_MOTION, _REST_CONDITION, _TEMPERATURE, _GAIN = "rest.motion", "rest.condition", "temperature", "gain"
_SMOOTHING = "smoothing"
_DECODER = "decoder/"


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A network with what has to be known to sample it.

    Attributes:
        network: in evaluation mode; it makes motion, or its code if there is a `decoder`.
        names: of the motion's channels.
        rest: what the network makes, and its condition, before the first frame.
        temperature: [the network's channels] scale of each channel's noise.
        gain: [channels] scale of each channel about its mean, so that it moves as much as real ones.
        blink_threshold: height from which a bump of the channel `blink` is a blink; None without that channel.
        notes: figures of the training.
        decoder: from code to motion, in evaluation mode.
        smoothing: [channels] frames over which finished motion is smoothed (`decisions.Smoother`); None: not at all.
    """

    network: MotionNetwork
    names: tuple[str, ...]
    rest: Rest
    temperature: torch.Tensor
    gain: torch.Tensor
    blink_threshold: float | None = None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    decoder: MotionDecoder | None = None
    smoothing: torch.Tensor | None = None

    @property
    def mean(self) -> torch.Tensor:
        """[channels] of the motion."""
        return self.network.mean if self.decoder is None else self.decoder.mean

    def stream(self, seeds: Sequence[int], options: SamplingOptions) -> MotionSource:
        """Motion of these seeds, whatever the network generates; the windows of `options` are in frames."""
        if self.decoder is None:
            return MotionStream(self.network, seeds, self.rest, options)
        windows = coded_windows(options.windows, self.decoder.size.stride)
        coded = dataclasses.replace(options, windows=windows)
        return CodedStream(self.network, self.decoder, seeds, self.rest, coded)


def save_generator(generator: TrainedGenerator, path: Path) -> None:
    """Write a trained generator."""
    tensors = dict(generator.network.state_dict())
    tensors |= {_REST_MOTION: generator.rest.motion, _REST_CONDITION: generator.rest.condition}
    tensors |= {_TEMPERATURE: generator.temperature, _GAIN: generator.gain}
    if generator.smoothing is not None:
        tensors |= {_SMOOTHING: generator.smoothing}
    if generator.decoder is not None:
        tensors |= {_DECODER + name: tensor for name, tensor in generator.decoder.state_dict().items()}
    header = {
        "format": FORMAT,
        **decoder_header(generator.decoder),
        "size": dataclasses.asdict(generator.network.size),
        "names": generator.names,
        "blink_threshold": generator.blink_threshold,
        "notes": generator.notes,
    }
    write_halves(path, tensors, _METADATA_KEY, header)


def load_generator(path: Path, device: str = "cpu") -> TrainedGenerator:
    """Read a trained generator.

    Raises:
        InputError: the file is missing, damaged or not a motion generator of this format.
    """
    header, tensors = read_halves(path, _METADATA_KEY, "motion generator", FORMAT, device)
    with must_fit(path, "motion generator"):
        rest = Rest(tensors.pop(_REST_MOTION), tensors.pop(_REST_CONDITION))
        temperature, gain = tensors.pop(_TEMPERATURE), tensors.pop(_GAIN)
        smoothing = tensors.pop(_SMOOTHING, None)
        decoder = _decoder(header, tensors, device)
        network = MotionNetwork(GeneratorSize(**header["size"]))
        network.load_state_dict(tensors)
        return TrainedGenerator(
            network.to(device).eval(),
            tuple(header["names"]),
            rest,
            temperature,
            gain,
            header["blink_threshold"],
            header["notes"],
            decoder,
            smoothing,
        )


def _decoder(header: dict[str, Any], tensors: dict[str, torch.Tensor], device: str) -> MotionDecoder | None:
    """The decoder, its tensors taken from the others; None in a file of explicit motion."""
    if header.get("representation", "explicit") == "explicit":
        return None
    own = {name.removeprefix(_DECODER): tensors.pop(name) for name in list(tensors) if name.startswith(_DECODER)}
    decoder = MotionDecoder(CodeSize.read(header["code"]))
    decoder.load_state_dict(own)
    return decoder.to(device).eval()
