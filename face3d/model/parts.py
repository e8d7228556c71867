"""Part labels of the head mesh."""

from enum import IntEnum


class Part(IntEnum):
    """What a triangle of the head belongs to."""

    SKIN = 0
    LIPS = 1
    INNER_MOUTH = 2
    UPPER_TEETH = 3
    LOWER_TEETH = 4
    TONGUE = 5
    LEFT_EYEBALL = 6
    RIGHT_EYEBALL = 7
    LASHES = 8
    EYE_SOCKET = 9
    NECK = 10
