"""`Portrait`: a person found in a photo, fitted and cut out once, then drawn as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.config import Config, with_settings

if TYPE_CHECKING:
    from face3d.parameters import FaceParameters
    from renderers.avatar import Change
    from renderers.photo_avatar import PhotoAvatar
    from renderers.pose import Pose
    from renderers.reduced_avatar import ReducedAvatar
    from talkinghead.photo.fitted import FittedPhoto

Image = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255


class Portrait:
    """A person who can be drawn in any pose. Make one with :meth:`open` or :meth:`load`; it may be used any number of
    times, by one thread at a time.

    Args:
        photo: the fitted photo.
        config: settings; of them `general.device`, `general.threads` and `video.refine` decide how frames are drawn.
    """

    def __init__(self, photo: FittedPhoto, config: Config) -> None:
        self._photo = photo
        self._config = config

    @classmethod
    def open(cls, source: str | Path | Image, config: Config | None = None, **settings: object) -> Portrait:
        """Find the face of a photo, fit it and cut the person out: about a second.

        Args:
            source: a picture; a video, of which the first good frame is taken; or [H, W, 3] uint8 sRGB.
            config: settings, the defaults when not given.
            settings: single settings that differ, by their name in `configs/default.yaml`, such as `crop="head"`.

        Raises:
            InputError: unreadable, or no face in it that can be animated.
        """
        from talkinghead.photo.fitted import fit_photo_file, fit_picture
        from talkinghead.runtime import check_device, limited_threads

        config = with_settings(config, **settings)
        check_device(config)
        options, size = config.photo, config.video.size
        with limited_threads(config.general.threads):
            if isinstance(source, str | Path):
                return cls(fit_photo_file(source, options, size, animated=True), config)
            return cls(fit_picture(source, options, size, animated=True), config)

    @classmethod
    @contextmanager
    def opening(cls, path: str | Path, config: Config) -> Iterator[Callable[[], Portrait]]:
        """Look for the face in a thread of its own while something else goes on; yields what gives the portrait.

        Errors are those of :meth:`open`, from the function that is yielded.
        """
        from talkinghead.media.prefetch import Prefetched
        from talkinghead.photo.found_face import found_faces

        cut = config.photo.background == "keep"
        with Prefetched(found_faces(path, config.photo, config.video.size, cut), 1) as faces:

            def portrait() -> Portrait:
                from talkinghead.photo.fitted import fit_found
                from talkinghead.runtime import limited_threads

                with limited_threads(config.general.threads):
                    return cls(fit_found(faces, path, config.photo, animated=True), config)

            yield portrait

    @classmethod
    def load(cls, path: str | Path, config: Config | None = None, **settings: object) -> Portrait:
        """A person that :meth:`save` wrote: nothing is searched and nothing is fitted.

        Raises:
            InputError: the file is missing, damaged, or of a newer version.
        """
        from talkinghead.photo.portrait_file import read_portrait

        return cls(read_portrait(path), with_settings(config, **settings))

    def save(self, path: str | Path) -> None:
        """Write the prepared person as one file, complete or not at all; by custom its name ends in `.face`.

        Raises:
            InputError: it cannot be written.
        """
        from talkinghead.photo.portrait_file import write_portrait

        write_portrait(self._photo, path)

    @property
    def image(self) -> Image:  # [H, W, 3]
        """The photo, cropped and scaled as the settings said."""
        return self._photo.image

    @property
    def parameters(self) -> FaceParameters:
        """The fitted face, one frame."""
        return self._photo.fit.parameters

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, px."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def messages(self) -> tuple[str, ...]:
        """What is worth knowing about the photo, one sentence each."""
        return self._photo.fit.messages

    @cached_property
    def avatar(self) -> PhotoAvatar | ReducedAvatar:
        """What draws the frames: `avatar.render(pose)`."""
        from renderers.photo_avatar import AvatarOptions
        from renderers.reduced_avatar import make_avatar
        from talkinghead.runtime import limited_threads

        options = AvatarOptions(refine=self._config.video.refine)
        landmarks, cutout = self._photo.fit.detection.landmarks_px, self._photo.cutout
        # The cut-out's layers are large, and the avatar has what it needs of them.
        self._photo = replace(self._photo, cutout=None)
        with limited_threads(self._config.general.threads):
            return make_avatar(self.image, self.parameters, landmarks, options, cutout=cutout)

    def poses(self, motion: FaceParameters) -> Iterator[Pose]:
        """The motion as this person makes it, frame by frame: see :func:`talkinghead.photo.poses.poses_of`."""
        from talkinghead.photo.poses import poses_of

        return poses_of(motion, self.parameters)

    def frames(self, motion: FaceParameters) -> Iterator[Image]:
        """The person moving: [H, W, 3] uint8 sRGB for each frame of `motion`, one after the other in constant memory.

        Args:
            motion: of `Talker.animate`, of a fit of anybody's video, or edited by you. Head and eyes move relative to
                this photo if the motion was made for it, and else relative to the motion's own first frame.

        Raises:
            InputError: the motion belongs to a face model that cannot be had here.
        """
        person = self.seen_in(motion)
        return (person.avatar.render(pose) for pose in person.poses(motion))

    def changes(self, motion: FaceParameters) -> Iterator[Change]:
        """As :meth:`frames`, but only what each frame changes of the photo: less to copy, convert and encode."""
        person = self.seen_in(motion)
        return (person.avatar.render_changed(pose) for pose in person.poses(motion))

    def render(self, motion: FaceParameters, index: int = 0) -> Image:  # [H, W, 3]
        """One frame of :meth:`frames`.

        Raises:
            InputError: the motion has no such frame.
        """
        if not -len(motion) <= index < len(motion):
            raise InputError(f"The motion has {len(motion)} frames; there is no frame {index}.")
        person = self.seen_in(motion)
        return person.avatar.render(next(islice(person.poses(motion), index % len(motion), None)))

    def seen_in(self, motion: FaceParameters) -> Portrait:
        """This person, fitted as in `motion` where the photo is one of its frames: its own video knows them better."""
        from talkinghead.photo.poses import find_photo, is_nobody, is_of

        if is_nobody(motion) or is_of(motion, self.parameters):
            return self
        from face3d.model.registry import model_of

        found = find_photo(motion, model_of(motion), self._photo.fit.detection.landmarks_px, self.size)
        return self if found is None else Portrait(self._photo.with_parameters(found), self._config)
