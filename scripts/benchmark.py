"""Measure the whole program: the figures that the closing notes and docs/benchmarks.md quote.

    python scripts/benchmark.py speed PHOTO AUDIO          # frames/s of the main job, ms of its stages, first frame
    python scripts/benchmark.py speed PHOTO AUDIO --device cuda   # frames/s in batches on a GPU, and of the whole job
    python scripts/benchmark.py fit FOLDER [--first 30]    # landmark error over a folder of photos
    python scripts/benchmark.py still PHOTO AUDIO          # PSNR outside the head with --head-motion 0
    python scripts/benchmark.py memory PHOTO               # peak of 10 s against that of 10 minutes
    python scripts/benchmark.py lips PHOTO FOLDER          # closures read from the rendered video itself

`lips` needs the extra [train] (pocketsphinx); FOLDER holds sound files with a `.txt` of the same name.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def decode(video: Path) -> Iterator[NDArray[np.uint8]]:
    """Frames [H, W, 3] RGB."""
    import av

    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def measure_speed(photo: Path, audio: Path, device: str = "cpu") -> dict[str, Any]:
    """As :func:`measure_speed_on_cpu` or :func:`measure_speed_in_batches`."""
    return measure_speed_on_cpu(photo, audio) if device == "cpu" else measure_speed_in_batches(photo, audio, device)


def measure_speed_in_batches(photo: Path, audio: Path, device: str, batches: int = 20) -> dict[str, Any]:
    """Frames per second of batches on a GPU, networks in half precision there.

    `frames_per_second` counts drawing alone, the frames staying on the device; `planes_per_second` includes their
    conversion and the way to the encoder's memory; `job_frames_per_second` is the whole main job with everything
    imported, from its start to the finished file.
    """
    import torch

    import talkinghead
    from renderers.batched.reduced_avatar import make_torch_avatar
    from renderers.pose import Pose
    from renderers.reduced_avatar import make_avatar
    from talkinghead.batches import batch_size, batched_changes, check_gpu
    from talkinghead.config import load_config
    from talkinghead.photo.fitted import fit_photo_file

    check_gpu()
    config = load_config(settings=[f"general.device={device}"])
    portrait = fit_photo_file(photo, config.photo, config.video.size, animated=True)
    avatar = make_avatar(portrait.image, portrait.fit.parameters, portrait.fit.detection.landmarks_px)
    twin = make_torch_avatar(avatar, device)
    size = batch_size(twin)
    generator = torch.Generator().manual_seed(0)

    def poses(count: int) -> list[Pose]:
        return [
            Pose(
                (avatar.expression + 0.3 * torch.rand(52, generator=generator)).clamp(0, 1),
                0.1 * torch.randn(3, generator=generator),
                0.1 * torch.randn(2, 2, generator=generator),
            )
            for _ in range(count)
        ]

    def seconds(work: Callable[[], object]) -> float:
        work()
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    frames = [Pose.stack(poses(size)) for _ in range(batches)]
    many = [pose for _ in range(batches) for pose in poses(size)]
    drawing = seconds(lambda: [twin.render_changed(batch) for batch in frames])
    planes = seconds(lambda: [None for _ in batched_changes(twin, many)])
    with tempfile.TemporaryDirectory() as folder:
        talkinghead.generate(photo, audio, Path(folder) / "o.mp4", config=config)
        start = time.perf_counter()
        result = talkinghead.generate(photo, audio, Path(folder) / "o.mp4", config=config)
        job = time.perf_counter() - start
    rows, columns = twin.window
    return {
        "device": torch.cuda.get_device_name(0),
        "batch": size,
        "window": [int(part.stop - part.start) for part in (columns, rows)],
        "frames_per_second": size * batches / drawing,
        "planes_per_second": size * batches / planes,
        "job_frames_per_second": result.frames / job,
        "peak_memory_mb": torch.cuda.max_memory_allocated() / 1e6,
    }


def measure_speed_on_cpu(photo: Path, audio: Path) -> dict[str, Any]:
    """The main job with everything imported and compiled, as a user's second video in one process; and its start.

    Stages are in milliseconds per frame of the thread that they run in, waiting included: `surround` runs beside the
    other parts of `render`, `convert` and `send` beside the next frames, and the encoder in a process of its own, of
    which the processor time is given. `frames_per_second` counts from the start of the job, `steady` from its first
    frame. `first_frame_seconds` are those of new processes, from their start.
    """
    import talkinghead
    from face3d.detect.detector import FaceDetector
    from scripts.lab.measure.stage_times import STAGES, STARTS, stage_times
    from talkinghead.media.image import load_photo

    with FaceDetector() as detector:
        face = detector.detect(load_photo(photo))[0]
    first: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "o.mp4"
        talkinghead.generate(photo, audio, output)
        cpu = time.process_time()
        with stage_times() as watch:
            start = time.perf_counter()
            result = talkinghead.generate(
                photo, audio, output, progress=lambda done, _: first.append(time.perf_counter()) if done == 1 else None
            )
            end = time.perf_counter()
        cpu = time.process_time() - cpu
        megabits = output.stat().st_size * 8e-6 / (result.frames / result.fps)
    seconds = result.frames / result.fps
    per_frame = {name: 1000 * watch.seconds[name] / result.frames for name, *_ in STAGES}
    return {
        "frames": result.frames,
        "width": result.size[0],
        "height": result.size[1],
        "face_px": float(face.size_px),
        "megabits_per_second": megabits,
        "frames_per_second": result.frames / (end - start),
        "steady_frames_per_second": (result.frames - 1) / (end - first[0]),
        "real_time_factor": (end - start) / seconds,
        "first_frame_seconds": first_frame(photo, audio),
        "cpu_seconds_per_second": cpu / seconds,
        "start_seconds": {name: watch.seconds[name] for name, *_ in STARTS},
        "stage_ms_per_frame": per_frame,
    }


def first_frame(photo: Path, audio: Path, runs: int = 3) -> dict[str, float]:
    """From the start of a `talkinghead generate` until its first frame is drawn and on its way to the encoder, seconds.

    The first run warms up the disk and the kernels' cache and does not count. `cpu` is the processor time of that
    process, which others on the machine change less.
    """
    code = (
        "import sys, time\n"
        "from contextlib import contextmanager\n"
        "from talkinghead.cli.program import main\n"
        "from talkinghead.cli.commands import generate\n"
        "def tell(done, total):\n"
        "    print(time.time(), time.process_time(), flush=True)\n"
        "    raise KeyboardInterrupt\n"
        "@contextmanager\n"
        "def progress_of(what, quiet):\n"
        "    yield tell\n"
        "generate.progress_of = progress_of\n"
        "main(['generate', '--photo', sys.argv[1], '--audio', sys.argv[2], '--output', sys.argv[3]])"
    )
    found = []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [sys.executable, "-c", code, photo, audio, Path(folder) / "o.mp4"]
            start = time.time()
            printed = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=True).stdout
        told, cpu = (float(word) for word in printed.split())
        found.append((told - start, cpu))
    wall, cpus = zip(*found[1:], strict=True)
    return {"median": float(np.median(wall)), "least": min(wall), "most": max(wall), "cpu": float(np.median(cpus))}


def measure_fit(folder: Path, first: int) -> dict[str, Any]:
    """Mean 478-point error in percent of the distance of the outer eye corners."""
    from face3d.detect.detector import FaceDetector
    from face3d.errors import InputError
    from face3d.fit.photo_fit import fit_photo
    from talkinghead.media.image import load_photo

    errors: dict[str, float] = {}
    unusable: dict[str, str] = {}
    with FaceDetector() as detector:
        for path in sorted(p for p in folder.iterdir() if p.is_file())[:first]:
            try:
                errors[path.name] = 100 * fit_photo(load_photo(path), detector=detector).nme
            except InputError as error:
                unusable[path.name] = str(error)
    worst = max(errors, key=errors.__getitem__)
    values = list(errors.values())
    return {
        "photos": len(errors),
        "mean_percent": float(np.mean(values)),
        "worst_percent": errors[worst],
        "worst": worst,
        "unusable": unusable,
    }


def measure_still(photo: Path, audio: Path) -> dict[str, float]:
    """PSNR of every fifth frame against the photo, outside a box around the head (hair and chin included)."""
    import talkinghead
    from face3d.detect.detector import FaceDetector
    from talkinghead.config import load_config
    from talkinghead.media.image import load_photo

    image = load_photo(photo)
    with FaceDetector() as detector:
        left, top, right, bottom = detector.detect(image)[0].box
    width, height = right - left, bottom - top
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "o.mp4"
        talkinghead.generate(photo, audio, output, config=load_config(settings=["motion.head_motion=0"]))
        values = []
        for number, frame in enumerate(decode(output)):
            if frame.shape[0] > image.shape[0] or frame.shape[1] > image.shape[1] or number % 5:
                continue
            picture = image[: frame.shape[0], : frame.shape[1]]
            outside = np.ones(frame.shape[:2], bool)
            rows = slice(max(0, round(top - 0.4 * height)), round(bottom + 0.1 * height))
            outside[rows, max(0, round(left - 0.15 * width)) : round(right + 0.15 * width)] = False
            error = ((frame.astype(float) - picture)[outside] ** 2).mean()
            values.append(10 * math.log10(255**2 / error))
    return {"mean_db": float(np.mean(values)), "lowest_db": float(min(values)), "pixels_share": float(outside.mean())}


def measure_memory(photo: Path, minutes: float = 10) -> dict[str, float]:
    """Peak of generating 10 s and `minutes`, each in a process of its own, MB."""
    result = {}
    for name, seconds in (("ten_seconds_mb", 10), ("long_mb", round(60 * minutes))):
        with tempfile.TemporaryDirectory() as folder:
            sound = Path(folder) / "s.wav"
            write_babble(sound, seconds)
            code = (
                "import resource, sys, talkinghead\n"
                "talkinghead.generate(*sys.argv[1:4])\n"
                "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            )
            arguments = [sys.executable, "-c", code, photo, sound, Path(folder) / "o.mp4"]
            printed = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=True)
            result[name] = int(printed.stdout.split()[-1]) / 1024
    result["growth_mb"] = result["long_mb"] - result["ten_seconds_mb"]
    return result


def write_babble(path: Path, seconds: int) -> None:
    """Noise that swells and fades like speech."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(16_000) / 16_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(seconds):
            loudness = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time_axis)
            file.writeframes((rng.standard_normal(16_000) * loudness * 3000).astype("<i2").tobytes())


def measure_lips(photo: Path, folder: Path) -> dict[str, float]:
    """Closures of /p b m/ and false closures of open vowels, from landmarks detected in the rendered video."""
    import talkinghead
    from face3d.detect.detector import FaceDetector
    from scripts.lab.speech.corpus.alignment import PhoneAligner
    from scripts.lab.speech.measure.clips import read_folder
    from scripts.lab.speech.measure.closures import ClosureCounts, count_closures

    aligner, curves, phones = PhoneAligner(), [], []
    for samples, text in read_folder(folder):
        aligned = aligner.align(samples, text)
        if aligned is None:
            continue
        with tempfile.TemporaryDirectory() as name, FaceDetector(max_faces=1, video=True) as detector:
            sound, output = Path(name) / "s.wav", Path(name) / "o.mp4"
            with wave.open(str(sound), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
            talkinghead.generate(photo, sound, output)
            curves.append(np.array([inner_opening(detector.detect(frame)[0].landmarks_px) for frame in decode(output)]))
            phones.append(aligned)
    p95 = float(np.percentile(np.concatenate(curves), 95))
    counts = ClosureCounts()
    for curve, aligned in zip(curves, phones, strict=True):
        counts = counts + count_closures(curve, 25.0, aligned, p95)
    return counts.rates()


def inner_opening(landmarks: NDArray[np.float32]) -> float:  # [478, 2] px
    """Mean distance of the middle of the inner lips over that of the outer eye corners."""
    pairs = ((13, 14), (82, 87), (312, 317))
    opening = np.mean([np.linalg.norm(landmarks[a] - landmarks[b]) for a, b in pairs])
    return float(opening / np.linalg.norm(landmarks[263] - landmarks[33]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, inputs in (
        ("speed", ("photo", "audio")),
        ("still", ("photo", "audio")),
        ("fit", ("folder",)),
        ("memory", ("photo",)),
        ("lips", ("photo", "folder")),
    ):
        command = commands.add_parser(name)
        for argument in inputs:
            command.add_argument(argument, type=Path)
        if name == "speed":
            command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where frames are made")
        if name == "memory":
            command.add_argument("--minutes", type=float, default=10, help="of the long recording (default: 10)")
        if name == "fit":
            command.add_argument("--first", type=int, default=30, help="photos, by name (default: 30)")
    options = vars(parser.parse_args())
    measure = globals()[f"measure_{options.pop('command')}"]
    from face3d.errors import InputError

    try:
        print(json.dumps(measure(**options), indent=2))
    except InputError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
