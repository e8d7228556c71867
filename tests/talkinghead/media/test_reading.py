"""What may be opened as sound or video: one regular file, and none that names others."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile
from talkinghead.media.image import iter_stills
from talkinghead.media.reading import FORMATS, existing_file, file_url, open_media
from talkinghead.media.video_file import VideoFile

Convert = Callable[..., Path]
READERS = (VideoFile.open, AudioFile.open, lambda path: next(iter_stills(path)))


@pytest.mark.parametrize("name", ["x.mp4", "x.wav", "x.m3u8", "x.jpg"])
@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile secret.ts\n",
        "\n\nffconcat version 1.0\nfile '{folder}/secret.ts'\n",
        "#EXTM3U\n#EXTINF:1,\n{folder}/secret.ts\n#EXT-X-ENDLIST\n",
        "\ufeff#EXTM3U\n#EXTINF:1,\nsecret.ts\n",
        '<?xml version="1.0"?>\n<MPD type="static"><Period><BaseURL>{folder}/secret.ts</BaseURL></Period></MPD>',
        "[playlist]\nFile1=secret.ts\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5000 RTP/AVP 96\n",
    ],
    ids=["ffconcat", "ffconcat by path", "hls", "hls with mark", "dash", "pls", "sdp"],
)
def test_playlists(content: str, name: str, tmp_path: Path, convert: Convert) -> None:
    convert("secret.ts", "-f", "lavfi", "-i", "testsrc=s=64x48:d=0.2", "-c:v", "mpeg2video")
    (tmp_path / name).write_text(content.format(folder=tmp_path), encoding="utf-8")
    for read in READERS:
        with pytest.raises(InputError, match="list of other files"):
            read(tmp_path / name)


def test_a_name_that_stands_for_many_pictures(tmp_path: Path, convert: Convert) -> None:
    for name in ("a1.jpg", "a2.jpg", "a%d.jpg"):
        convert(name, "-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", "1", "-update", "1")
    with pytest.raises(InputError, match="is a picture: it has no sound track"):
        VideoFile.open(tmp_path / "a%d.jpg")


def test_every_format_on_the_list_is_known_to_ffmpeg() -> None:
    """By this or a newer version: a name that is wrong would silently keep a format out."""
    known = {name for names in av.formats_available for name in names.split(",")}
    assert len(set(FORMATS.split(",")) - known) < 5
    assert not {"concat", "hls", "dash", "image2", "sdp", "lavfi", "tty", "rtsp"} & set(FORMATS.split(","))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is a pipe; name a file"):
        existing_file(tmp_path / "pipe")
    ends = os.pipe()
    try:
        with pytest.raises(InputError, match="is a pipe; name a file"):
            existing_file(f"/dev/fd/{ends[0]}")
    finally:
        for end in ends:
            os.close(end)
    with pytest.raises(InputError, match="is a device"):
        existing_file("/dev/zero")
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/s")
        with pytest.raises(InputError, match="is a device or a socket"):
            existing_file(f"{short}/s")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_files_that_are_made_while_they_are_read() -> None:
    """Some of them block their readers."""
    with pytest.raises(InputError, match="is empty"):
        existing_file("/proc/self/status")


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells leave `~` as it is in `--photo=~/me.jpg`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "me.jpg").write_bytes(b"x")
    assert existing_file("~/me.jpg") == tmp_path / "me.jpg"
    with pytest.raises(InputError, match="There is no file"):
        existing_file("~me.jpg")


def test_names_that_cannot_be() -> None:
    with pytest.raises(InputError, match="There is no file"):
        existing_file("x" * 300)
    with pytest.raises(InputError, match="There is no file"):
        existing_file("a\0b")


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4", "x.wav", "x.flac"])
def test_tags_that_are_not_utf8(name: str, convert: Convert) -> None:
    pictures = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=0.2") if name in ("x.mkv", "x.mp4") else ()
    path = convert(name, *pictures, "-f", "lavfi", "-i", "sine=d=0.2", "-metadata", "title=CafeXX")
    path.write_bytes(path.read_bytes().replace(b"CafeXX", b"Caf\xe9XX"))
    assert AudioFile.open(path).duration > 0


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no media " * 100)
    with pytest.raises(InputError, match="x.mp4 is not a film file"), open_media(tmp_path / "x.mp4", "film"):
        pass


def test_names_are_absolute_and_cannot_be_protocols(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_url("-y") == f"file:{tmp_path}/-y"
    assert file_url("http:x.wav") == f"file:{tmp_path}/http:x.wav"
