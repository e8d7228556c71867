"""Modules that are imported when they are used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from face3d.late_import import imported_when_used


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose submodule cannot be overlooked when it is loaded."""
    folder = tmp_path / "slow_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "heavy.py").write_text("value = 42")
    (tmp_path / "user_of_it.py").write_text("import slow_package.heavy as heavy\ndef ask():\n    return heavy.value\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_package.heavy"
    for name in ("slow_package", "slow_package.heavy", "user_of_it"):
        sys.modules.pop(name, None)


def test_it_is_loaded_by_its_first_use(package: str) -> None:
    with imported_when_used(package):
        import user_of_it  # type: ignore[import-not-found]
    assert not {"slow_package", package} & set(sys.modules)
    assert user_of_it.ask() == 42
    assert package in sys.modules
    import slow_package.heavy  # type: ignore[import-not-found]

    assert slow_package.heavy.value == 42
    with pytest.raises(AttributeError, match="nothing"):
        _ = user_of_it.heavy.nothing


def test_a_loaded_package_stays(package: str) -> None:
    import slow_package.heavy

    with imported_when_used(package):
        import user_of_it
    assert user_of_it.heavy is slow_package.heavy is sys.modules[package]


def test_an_error_leaves_nothing_behind(package: str) -> None:
    with pytest.raises(KeyError), imported_when_used(package):
        raise KeyError
    assert not {"slow_package", package} & set(sys.modules)
