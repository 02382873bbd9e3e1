import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.recipe import InferRecipe
from infer.report.folder_inspection import report_on_folder
from infer.report.report_settings import ReportSettings
from tests.infer.report.drawn_defects import (
    QUESTION,
    RULES,
    Drawn,
    SeeingEngine,
    draw_part,
    write_parts,
)

WATCH = Path(__file__).with_name("watching_process.py")
BAD: Drawn = ("scratch", (10, 10, 30, 20), 0.9)
HARMLESS: Drawn = ("scratch", (70, 10, 90, 20), 0.8)
SECONDS = 60
"""The longest that a test waits for another process."""


@pytest.fixture
def recipe(tmp_path: Path, checkpoint: Path) -> InferRecipe:
    write_parts(tmp_path / "data", [[BAD], []])
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    draw_part(tmp_path / "camera" / "a.png", [BAD])
    draw_part(tmp_path / "camera" / "b" / "b.png", [HARMLESS])
    draw_part(tmp_path / "camera" / "c.png")
    return InferRecipe(
        checkpoint=str(checkpoint),
        dataset=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
        score="min_prob",
        batch_size=2,
    )


def report(recipe: InferRecipe, place: str = "camera", **changes: object) -> SeeingEngine:
    folder = Path(recipe.output_dir).parent
    settings = ReportSettings(rules=str(folder / "rules.yaml"), output_dir=recipe.output_dir)
    engine = SeeingEngine()
    settings = dataclasses.replace(settings, **changes)  # type: ignore[arg-type]
    recipe = dataclasses.replace(recipe, overwrite=settings.overwrite)
    report_on_folder(folder / place, settings, recipe, lambda _: engine, pytest.fail)
    return engine


def verdicts(recipe: InferRecipe) -> dict[str, str]:
    folder = recipe.output_path / "pictures"
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.json"))]
    return {row["picture"]["file"]: row["verdict"] for row in rows}


def test_each_picture_is_asked_about_once_in_the_words_of_the_data_set(recipe: InferRecipe) -> None:
    engine = report(recipe)
    assert [request.picture.name for request in engine.asked] == ["a.png", "b.png", "c.png"]
    assert {(request.system, request.user) for request in engine.asked} == {
        ("Be brief.", f"<image>{QUESTION}")
    }
    assert verdicts(recipe) == {"a.png": "fail", "b/b.png": "pass", "c.png": "pass"}
    row = json.loads((recipe.output_path / "pictures" / "a.png.json").read_text(encoding="utf-8"))
    assert row["defects"][0]["box"] == [10, 10, 30, 20]
    assert row["defects"][0]["confidence"] == pytest.approx(0.9, abs=1e-3)
    before = (recipe.output_path / "report.html").read_bytes()
    assert report(recipe).asked == []
    assert (recipe.output_path / "report.html").read_bytes() == before


def test_other_rules_judge_the_same_answers(recipe: InferRecipe, tmp_path: Path) -> None:
    report(recipe)
    (tmp_path / "rules.yaml").write_text(RULES.replace("from: major", "from: minor"), encoding="utf-8")
    assert report(recipe).asked == []
    assert verdicts(recipe) == {"a.png": "fail", "b/b.png": "fail", "c.png": "pass"}


def test_another_picture_under_a_known_name_is_new(recipe: InferRecipe, tmp_path: Path) -> None:
    report(recipe)
    (tmp_path / "camera" / "a.png").touch()  # the same content
    draw_part(tmp_path / "camera" / "c.png", [BAD])
    assert [request.picture.name for request in report(recipe).asked] == ["c.png"]
    assert verdicts(recipe)["c.png"] == "fail"


def test_a_damaged_picture_never_passes(recipe: InferRecipe, tmp_path: Path) -> None:
    whole = (tmp_path / "camera" / "c.png").read_bytes()
    (tmp_path / "camera" / "half.png").write_bytes(whole[: len(whole) // 2])
    assert len(report(recipe).asked) == 3
    assert verdicts(recipe)["half.png"] == "fail"
    (tmp_path / "camera" / "half.png").write_bytes(whole)
    assert [request.picture.name for request in report(recipe).asked] == ["half.png"]
    assert verdicts(recipe)["half.png"] == "pass"


def test_one_picture_can_be_inspected(recipe: InferRecipe) -> None:
    assert [request.picture.name for request in report(recipe, "camera/c.png").asked] == ["c.png"]


def test_answers_of_another_model_or_recipe_are_not_mixed(recipe: InferRecipe) -> None:
    report(recipe)
    with pytest.raises(UserError, match=r"zoom=tiles \(was none\)"):
        report(dataclasses.replace(recipe, zoom="tiles"))
    assert recipe.checkpoint is not None
    (Path(recipe.checkpoint) / "model.safetensors").write_bytes(b"trained on")
    with pytest.raises(UserError, match="the answers here are of another checkpoint"):
        report(recipe)
    assert len(report(recipe, overwrite=True).asked) == 3


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "camera" / "a.png").rename(folder / "x.png") and None, ""),
        (lambda folder: (folder / "rules.yaml").write_text(RULES + "x: 1\n"), "unknown key 'x'"),
        (
            lambda folder: (
                (folder / "out").mkdir() or (folder / "out" / "answers.jsonl").write_text('{"file": 1}\n')
            ),
            r"answers\.jsonl, line 1: not an answer",
        ),
        (
            lambda folder: (folder / "out").mkdir() or (folder / "out" / "asked.json").write_text("[]"),
            "the answers here are of another checkpoint",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    recipe: InferRecipe, tmp_path: Path, prepare: Callable[[Path], None], message: str
) -> None:
    prepare(tmp_path)
    if not message:
        for path in (tmp_path / "camera").rglob("*.png"):
            path.unlink()
        message = "camera: no picture"
    with pytest.raises(UserError, match=message):
        report(recipe)
    assert not (tmp_path / "out" / "report.html").exists()


def test_rules_on_the_confidence_need_one(recipe: InferRecipe, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        RULES.replace("place: seal", "confidence: {from: 0.5}"), encoding="utf-8"
    )
    with pytest.raises(UserError, match="boxes have no confidence with score=none: add score=min_prob"):
        report(dataclasses.replace(recipe, score="none"))


def test_a_camera_is_watched_and_a_kill_loses_nothing(recipe: InferRecipe, tmp_path: Path) -> None:
    log, camera = tmp_path / "log", tmp_path / "camera"
    (tmp_path / "out").mkdir()

    def start(idle: float) -> "subprocess.Popen[str]":
        words = [
            WATCH,
            recipe.dataset,
            camera,
            recipe.output_dir,
            recipe.checkpoint,
            log,
            tmp_path / "rules.yaml",
            idle,
        ]
        return subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.PIPE, text=True)

    with start(idle=1000) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert "  fail  a.png  critical scratch 0.90" in first
    answers = tmp_path / "out" / "answers.jsonl"
    known = [json.loads(line)["file"] for line in answers.read_text(encoding="utf-8").splitlines()]
    with answers.open("ab") as file:
        file.write(b'{"file": "torn')
    whole = draw_part(tmp_path / "new.png", [BAD]).read_bytes()
    (camera / "late.png").write_bytes(whole[:-20])  # still being written
    with start(idle=4) as process:
        assert process.stdout is not None
        wait_for(lambda: log.read_text().splitlines().count("c.png") > 0)
        time.sleep(0.7)  # longer than settle_seconds
        (camera / "late.png").write_bytes(whole)
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0
    asked = Counter(log.read_text().splitlines())
    assert asked.keys() == {"a.png", "b.png", "c.png", "late.png"}
    assert asked["a.png"] == asked["late.png"] == 1
    assert all(asked[Path(name).name] == 1 for name in known)
    files = [json.loads(line)["file"] for line in answers.read_text(encoding="utf-8").splitlines()]
    assert sorted(files) == ["a.png", "b/b.png", "c.png", "late.png"]
    assert sum("late.png" in line for line in lines) == 1
    assert verdicts(recipe) == {"a.png": "fail", "b/b.png": "pass", "c.png": "pass", "late.png": "fail"}
    assert (tmp_path / "out" / "report.html").is_file()


def wait_for(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_there():
        assert time.monotonic() < deadline, "the other process does nothing"
        time.sleep(0.05)
