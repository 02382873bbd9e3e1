from pathlib import Path

import pytest

from grounding.files import read_json
from tests.end_to_end.conftest import ROOT, Demo, run


def commands(page: Path) -> str:
    """Return the commands of a page, its indented lines, as one script."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return "".join(f"{line[4:]}\n" for line in lines if line.startswith("    "))


@pytest.mark.slow
def test_every_command_of_the_guide_works(demo: Demo) -> None:
    """The guide starts in the folder of a finished demo."""
    script = commands(ROOT / "docs" / "guide.md")
    shown = run("bash", "-euo", "pipefail", "-c", script, cwd=demo.folder)
    mine = demo.folder / "checkpoints" / "mine"
    before, after, served = (read_json(mine / name / "scores.json") for name in ("before", "eval", "served"))
    assert before["AP50"] < 0.1
    assert after["AP50"] > 0.5
    assert served["AP50"] == after["AP50"]
    assert all((mine / name / "page" / "index.html").is_file() for name in ("eval", "hard"))
    assert any(
        label in line for line in shown.splitlines()[-5:] for label in ("orange diamond", "purple circle")
    )
