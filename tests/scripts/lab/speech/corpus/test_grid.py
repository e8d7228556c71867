"""What GRID's names spell, and who may see which clip."""

from __future__ import annotations

import pytest

from face3d.errors import InputError
from scripts.lab.speech.corpus.grid import grid_part, grid_text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bbaf2n", "bin blue at f two now"),
        ("grid_bbaf2n", "bin blue at f two now"),
        ("s1_lbad7s", "lay blue at d seven soon"),
        ("lwwzzp", "lay white with zed zero please"),
        ("grid_swbzzn", "set white by zed zero now"),
    ],
)
def test_names_spell_their_words(name: str, text: str) -> None:
    assert grid_text(name) == text


@pytest.mark.parametrize("name", ["hello", "", "grid_", "bbaf2", "bbaf2nn", "xbaf2n", "bbaf0n", "bba42n", "bbaf2z"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name of a GRID clip, which is six letters"):
        grid_text(name)


def test_held_out_clips_stay_out() -> None:
    assert grid_part("lbax4n") == grid_part("swwz3p") == grid_part("sbaf2n") == "test"
    assert grid_part("grid_lbbc2a") == "test"
    assert grid_part("grid_lbax4n") == "train"
    assert {grid_part(f"p{colour}af{digit}n") for colour in "bgrw" for digit in "123456789"} == {"train", "development"}
