import json
from pathlib import Path
from typing import Any

import pytest

from train.gpu_check.evidence.saved_answers import compare_answers
from train.gpu_check.finding import StepFailedError


def row(number: int, raw: str, *boxes: tuple[str, list[float]]) -> dict[str, Any]:
    found = [{"label": label, "box": box, "score": None} for label, box in boxes]
    return {"image_id": number, "image": f"images/{number}.png", "raw": raw, "detections": found}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "predictions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


CAT = ("cat", [0.0, 0.0, 100.0, 100.0])


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        (row(1, "another text", ("cat", [1.0, 0.0, 100.0, 101.0])), True),
        (row(1, "another text", ("cat", [20.0, 0.0, 100.0, 100.0])), False),
        (row(1, "another text", ("dog", CAT[1])), False),
        (row(1, "another text", CAT, CAT), False),
        (row(1, "another text"), False),
        (row(1, "a text"), True),
    ],
)
def test_answers_agree_by_text_or_by_their_boxes(other: dict[str, Any], agree: bool, tmp_path: Path) -> None:
    first = write(tmp_path / "a", row(1, "a text", CAT), row(2, "x"))
    agreement = compare_answers(first, write(tmp_path / "b", row(2, "x"), other))
    assert agreement.share == (1.0 if agree else 0.5)
    assert agreement.first_other == ("" if agree else "images/1.png")


def test_unreadable_answers_with_other_texts_do_not_agree(tmp_path: Path) -> None:
    agreement = compare_answers(write(tmp_path / "a", row(1, "x")), write(tmp_path / "b", row(1, "y")))
    assert agreement.agreeing == 0


def test_silence_and_other_images_show_nothing(tmp_path: Path) -> None:
    silent = write(tmp_path / "a", row(1, " "))
    with pytest.raises(StepFailedError, match=r"no answer .* has a text"):
        compare_answers(silent, silent)
    with pytest.raises(StepFailedError, match="answers about 1 and 2 images"):
        compare_answers(silent, write(tmp_path / "b", row(1, "x"), row(2, "x")))
