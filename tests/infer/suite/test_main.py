from pathlib import Path

import pytest

from infer.suite.__main__ import main
from tests.infer.suite.drawn_sets import ScriptedEngine, write_sets


def test_the_command_prints_the_table_and_its_place(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = write_sets(tmp_path, 1)
    monkeypatch.setattr("infer.engines.opening.open_engine", lambda settings: ScriptedEngine())
    path = tmp_path / "small.yaml"
    path.write_text(
        f"sets:\n  here: {{dataset: {prepared}/set00}}\n  gone: {{dataset: {prepared}/gone}}\n"
        "metrics: [AP50, images]"
    )
    capsys.readouterr()
    assert main([str(path), f"checkpoint={checkpoint}", "draws=0", "limit=2"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["set", "asked", "AP50", "images"]
    assert lines[2].split()[:2] == ["here", "as_prepared"]
    assert lines[2].split()[-1] == "2"
    assert lines[3].startswith("note: small: limit=2: ")
    assert lines[4].startswith("problem: gone/as_prepared: ")
    assert lines[5] == str(checkpoint / "suites" / "small" / "suite.md")
    assert (
        main(
            [
                str(path),
                f"checkpoint={checkpoint}",
                "draws=0",
                "limit=2",
                f"sets.gone.dataset={prepared}/set00",
            ]
        )
        == 0
    )
