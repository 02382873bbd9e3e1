"""The command from end to end, with an engine that sees drawn defects."""

import csv
import json
import re
from pathlib import Path

import pytest

from grounding.errors import run_command
from infer.report.__main__ import main
from infer.report.inspection_types import inspection_adapter, schema_text
from tests.infer.report.drawn_defects import RULES, SIZE, Drawn, SeeingEngine, draw_part, write_parts

ROOT = Path(__file__).parents[3]
BAD: Drawn = ("scratch", (10, 10, 30, 20), 0.9)
DOUBTFUL: Drawn = ("scratch", (20, 30, 40, 40), 0.5)
HARMLESS: Drawn = ("scratch", (70, 10, 90, 20), 0.8)
STAIN: Drawn = ("stain", (40, 40, 80, 80), 0.7)


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set, rules, a recipe, and a run on the validation pictures."""
    write_parts(tmp_path / "data", [[BAD], [DOUBTFUL], [HARMLESS, STAIN], []] * 5)
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    recipe = (
        f"checkpoint: {checkpoint}\ndataset: {tmp_path}/data\noutput_dir: {tmp_path}/run\nscore: min_prob\n"
    )
    (tmp_path / "infer.yaml").write_text(recipe, encoding="utf-8")
    monkeypatch.setattr("infer.engines.opening.open_engine", lambda _: SeeingEngine())
    from infer.recipe import InferRecipe
    from infer.runs.predict import predict

    predict(
        InferRecipe(
            checkpoint=str(checkpoint),
            dataset=f"{tmp_path}/data",
            output_dir=f"{tmp_path}/run",
            score="min_prob",
        ),
        lambda _: SeeingEngine(),
    )
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_threshold_is_chosen_and_new_pictures_are_inspected_by_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, threshold = f"rules={folder}/rules.yaml", f"threshold={folder}/threshold.json"
    assert (
        main(["threshold", str(folder / "run"), rules, "recall=0.6", f"output={folder}/threshold.json"]) == 0
    )
    assert "threshold 0.7 for recall=0.6" in capsys.readouterr().out
    draw_part(folder / "camera" / "bad.png", [BAD, HARMLESS])
    draw_part(folder / "camera" / "doubtful.png", [DOUBTFUL])
    draw_part(folder / "camera" / "good.png")
    (folder / "camera" / "damaged.png").write_bytes(b"no picture")
    words = [
        str(folder / "camera"),
        rules,
        threshold,
        f"recipe={folder}/infer.yaml",
        f"output_dir={folder}/report",
    ]
    assert main([*words, "title=Line <3>"]) == 0
    printed = capsys.readouterr().out
    assert "passed: 50.0% (15.0 to 85.0 %), 2 of 4" in printed  # Wilson's interval of 2 of 4
    assert "for a person first: 2 uncertain, of which 1 unreadable" in printed
    report = folder / "report"
    found = {path.stem: json.loads(path.read_bytes()) for path in (report / "pictures").iterdir()}
    assert {name: row["verdict"] for name, row in found.items()} == {
        "bad.png": "fail", "doubtful.png": "pass", "good.png": "pass", "damaged.png": "fail"
    }  # fmt: skip
    (bad, harmless), (doubtful,) = found["bad.png"]["defects"], found["doubtful.png"]["defects"]
    if bad["severity"] == "minor":
        bad, harmless = harmless, bad
    assert (bad["severity"], bad["fails"], bad["suggestions"]) == ("critical", True, ["Stop the line."])
    assert bad["box"] == [10, 10, 30, 20]
    assert bad["area_share"] == 200 / (SIZE.width * SIZE.height)
    assert bad["description"] == "scratch, upper left, 20 x 10 pixels, 2.50% of the picture"
    assert (harmless["severity"], harmless["counts"], harmless["fails"]) == ("minor", True, False)
    assert (doubtful["severity"], doubtful["counts"], doubtful["fails"]) == ("critical", False, False)
    for row in found.values():
        inspection_adapter().validate_python(row, strict=True)
        assert row["data_card"]["source_fingerprint"] == "source"
        assert row["model"]["score"] == "min_prob"
        assert row["rules"]["threshold"] == pytest.approx(0.7, abs=1e-3)
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["time"])
    assert (report / "inspection.schema.json").read_text(encoding="utf-8") == schema_text()
    assert [row["file"] for row in rows_of(report / "pictures.csv") if row["verdict"] == "fail"] == [
        "damaged.png", "bad.png"
    ]  # fmt: skip
    assert [row["label"] for row in rows_of(report / "defects.csv")] == ["scratch"] * 3
    counted = {row["figure"]: row["count"] for row in rows_of(report / "summary.csv")}
    assert (counted["pictures"], counted["passed"], counted["unreadable"]) == ("4", "2", "1")
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Line &lt;3&gt;" in page
    assert page.index("damaged.png</h3>") < page.index("doubtful.png</h3>") < page.index("bad.png</h3>")
    assert "expected errors" in page


def test_a_run_is_inspected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder / "run"), f"rules={folder}/rules.yaml"]) == 0
    assert "defects: 20 (scratch 15, stain 5)" in capsys.readouterr().out
    summary = json.loads((folder / "run" / "inspection" / "summary.json").read_bytes())
    assert summary["severities"] == {"critical": 10, "major": 5, "minor": 5}
    assert [(bar["label"], bar["cumulative"]) for bar in summary["pareto"]] == [
        ("scratch", 0.75),
        ("stain", 1.0),
    ]
    assert summary["passed"]["count"] == 5
    row = json.loads((folder / "run" / "inspection" / "pictures" / "images" / "000003.png.json").read_bytes())
    assert row["reasons"] == ["major: stain, lower centre, 40 x 40 pixels, 20.00% of the picture"]


def test_the_model_s_own_words_are_kept(folder: Path) -> None:
    path = folder / "run" / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["detections"][0]["description"] = "a deep scratch,\nbeside the screw"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main([str(folder / "run"), f"rules={folder}/rules.yaml"]) == 0
    row = json.loads((folder / "run" / "inspection" / "pictures" / "images" / "000001.png.json").read_bytes())
    assert row["defects"][0]["description"] == "a deep scratch, beside the screw"
    assert row["defects"][0]["described_by"] == "model"


def test_the_published_schema_is_that_of_the_inspections() -> None:
    assert (ROOT / "docs" / "inspection.schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{folder}/run"], "rules must be set"),
        (["{folder}/run", "rules={folder}/rules.yaml", "zoom=tiles"], "zoom=tiles: has no effect on a run"),
        (["{folder}/run", "rules={folder}/rules.yaml", "watch=true"], "watch=true: has no effect on a run"),
        (["{folder}/run", "rules={folder}/rules.yaml", "threshold=0.5"], "a threshold is not set by hand"),
        (["{folder}/nowhere", "rules={folder}/rules.yaml"], "nowhere: no such run, folder or picture"),
        (["{folder}/data", "rules={folder}/rules.yaml"], "recipe: pictures need recipe=RECIPE"),
        (
            ["{folder}/data/images", "rules={folder}/rules.yaml", "recipe={folder}/infer.yaml"],
            "output_dir: pictures",
        ),
        (
            [
                "{folder}/data/images",
                "rules={folder}/rules.yaml",
                "recipe={folder}/infer.yaml",
                "output_dir={folder}/o",
                "rulez=x",
            ],
            "unknown key 'rulez'",
        ),
        (["{folder}/run", "rules={folder}/rules.yaml", "shown=-1"], "shown: -1 is less than 0"),
        (["threshold", "{folder}/run", "rules={folder}/rules.yaml"], "set recall=0.95, or both"),
        (
            ["threshold", "{folder}/data", "rules={folder}/rules.yaml", "recall=0.5"],
            "predictions.jsonl: no such file",
        ),
    ],
)
def test_what_it_cannot_do_is_one_line(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main([word.format(folder=folder) for word in words])) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert not list(folder.glob("**/report.html"))
