"""Named groups of MediaPipe's 478 points. "Left" and "right" are the subject's."""

# Rings of the lips, right corner to left corner, outside to inside, without the corners themselves.
UPPER_LIP_RINGS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_LIP_RINGS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
UPPER_INNER_LIP, LOWER_INNER_LIP = UPPER_LIP_RINGS[-1], LOWER_LIP_RINGS[-1]
# Closed polygons.
OUTER_LIPS = (61, *UPPER_LIP_RINGS[0], 291, *reversed(LOWER_LIP_RINGS[0]))
INNER_LIPS = (78, *UPPER_INNER_LIP, 308, *reversed(LOWER_INNER_LIP))
# Lid rims from the outer to the inner corner, without the corners, upper and lower in pairs.
RIGHT_UPPER_LID, RIGHT_LOWER_LID = (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)
LEFT_UPPER_LID, LEFT_LOWER_LID = (466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382)
RIGHT_EYE = (33, *RIGHT_UPPER_LID, 133, *reversed(RIGHT_LOWER_LID))
LEFT_EYE = (263, *LEFT_UPPER_LID, 362, *reversed(LEFT_LOWER_LID))
# The brows' lower edges, from the temple to the nose.
RIGHT_BROW, LEFT_BROW = (46, 53, 52, 65, 55), (276, 283, 282, 295, 285)
# Centre, then the ring.
RIGHT_IRIS, LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
# iBUG's 68 points among the 478: jaw line, brows, nose, eyes, outer and inner lips.
IBUG_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
