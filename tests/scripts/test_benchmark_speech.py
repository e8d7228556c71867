import benchmark_speech
import pytest

from scripts.lab.speech.measure.bars import (
    bar_table,
    bars,
    condition_table,
    method_table,
    value_of,
    voice_table,
)
from scripts.lab.speech.measure.sections import Benchmark

FIGURES = {
    "grid": {"speaker 1": {"ours": {"r": 0.75, "lag": 2.0, "bilabial_closure": 88.0}, "real lips": {"p95": 11.0}}},
    "robustness": {"grid": {"clean": {"r": 0.7}, "quiet": {"r_kept": 0.99}, "noise": {"r": 0.6, "r_kept": 0.857}}},
    "languages": {
        "espeak_es+m5_es": {"bilabial_closure": 81.0},
        "espeak_fr+m5_fr": {"bilabial_closure": 95.0},
        "kokoro_af_bella": {"bilabial_closure": 70.0},
    },
}


def test_every_measured_bar_has_a_row_and_no_other():
    lines = bar_table(FIGURES).splitlines()[2:]
    assert len(lines) == 5
    assert "| GRID: lip aperture r with the measured one | 0.75 | >= 0.72 | met |" in lines
    assert "| GRID: lag | 2 frames | -1-1 frames | missed |" in lines
    assert "| GRID: /p b m/ closed | 88 % | >= 88 % | met |" in lines
    assert "| grid: r over clean, worst of 2 conditions (noise) | 0.857 | >= 0.9 | missed |" in lines
    assert "| other languages: /p b m/ closed, worst of 2 voices (espeak_es+m5_es) | 81 % | >= 80 % | met |" in lines


def test_figures_at_paths():
    assert value_of(FIGURES, ("grid", "speaker 1", "ours", "r")) == 0.75
    assert value_of(FIGURES, ("grid", "speaker 2", "ours", "r")) is None
    assert value_of({}, ("speed",)) is None
    assert len({bar.path for bar in bars(FIGURES)}) == len(bars(FIGURES))


def test_methods_side_by_side():
    lines = method_table(FIGURES["grid"]["speaker 1"]).splitlines()
    assert lines[0] == "| | r | lag | p b m closed | p95, mm |"
    assert lines[2] == "| ours | 0.750 | +2 | 88.0 |  |"
    assert lines[3] == "| real lips |  |  |  | 11.0 |"


def test_tables_of_conditions_and_voices():
    assert condition_table(FIGURES["robustness"]["grid"]).splitlines()[4] == "| noise | 0.600 | 0.86 |"
    assert voice_table(FIGURES["languages"]).splitlines()[0] == "| | closed |"
    titles = [table.splitlines()[0] for table in benchmark_speech.report(FIGURES)]
    assert titles == ["GRID, speaker 1", "grid, conditions", "Development voices", "Bars"]


def test_the_command_line_knows_every_section(capsys):
    assert benchmark_speech.parse(["--only", *benchmark_speech.SECTIONS]).only == list(benchmark_speech.SECTIONS)
    assert all(callable(getattr(Benchmark, section)) for section in benchmark_speech.SECTIONS)
    with pytest.raises(SystemExit):
        benchmark_speech.parse(["--only", "nothing"])
    assert "invalid choice" in capsys.readouterr().err


def test_four_digits_are_enough():
    assert benchmark_speech.rounded({"a": {"b": 0.123456}, "c": 7}) == {"a": {"b": 0.1235}, "c": 7}
