import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from grounding.card import load_card
from grounding.errors import UserError
from infer.engines.protocol import RawAnswer
from infer.pairs.pair_making import make_pairs
from infer.pairs.pair_settings import PairSettings
from tests.infer.pairs.answering import RIGHT, ListEngine
from tests.infer.several_pictures import GROUPS, join_questions, right_answer

HALF, WRONG = "red square(100,100),(400,400)", "red square(600,600),(900,900)"
TRUTH = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"
CUT = RawAnswer(f"{RIGHT}, {RIGHT}", is_cut=True)

Text = str | RawAnswer


@pytest.fixture(autouse=True)
def one_system_prompt(dataset: Any) -> None:
    """Let all records keep to the data set's card."""
    path = dataset.path / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["messages"] = [{"role": "system", "content": "Be brief."}, *row["messages"][-2:]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def settings(folder: Path, **values: Any) -> PairSettings:
    return PairSettings(**{"answers": 3, "output_dir": str(folder), "val_share": 0.0, **values})


def make(
    checkpoint: Path, dataset: Any, chosen: PairSettings, texts: Sequence[Text], **by_image: Sequence[Text]
) -> tuple[str, list[dict[str, Any]]]:
    engine = ListEngine(texts, **by_image)
    report = make_pairs(str(checkpoint), dataset.path, chosen, lambda _: engine)
    lines = (Path(str(chosen.output_dir)) / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return report, [json.loads(line) for line in lines]


def texts_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["chosen_response"][0]["content"], row["rejected_response"][0]["content"]


def test_the_first_best_and_the_first_worst_answer_make_a_pair(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    also_right = RIGHT.replace("(", " (")
    _, rows = make(checkpoint, dataset, settings(tmp_path, answers=4), [HALF, RIGHT, WRONG, also_right])
    assert [texts_of(row) for row in rows] == [(RIGHT, WRONG)] * 7
    assert rows[0]["rewards"] == [1.0, 0.0]
    records = [json.loads(line) for line in (dataset.path / "train.jsonl").read_text().splitlines()]
    assert [row["messages"] for row in rows] == [record["messages"][:-1] for record in records]
    assert [row["images"] for row in rows] == [record["images"] for record in records]


def test_where_all_fail_the_records_own_answer_is_chosen(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    report, rows = make(checkpoint, dataset, settings(tmp_path), [WRONG] * 3)
    assert {texts_of(row) for row in rows} == {(TRUTH, WRONG)}
    assert "7 pairs (7 in train.jsonl); 7 of them choose the record's own answer" in report


def test_without_the_truth_questions_are_dropped_by_reason(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, truth=False)
    report, rows = make(checkpoint, dataset, chosen, [WRONG] * 3, image000103=[RIGHT, HALF, WRONG])
    assert len(rows) == 1
    assert "dropped 6: no sampled answer is good enough" in report
    assert (tmp_path / "report.txt").read_text() == f"{report}\n"
    card = load_card(tmp_path)
    assert card.dropped == {"no sampled answer is good enough": 6}
    assert card.counts == {"train": {"images": 1, "records": 1}}
    assert card.recipe["answers_chosen_by"]["truth"] is False
    assert card.source_fingerprint != load_card(dataset.path).source_fingerprint


def test_answers_that_differ_less_than_the_margin_make_no_pair(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    report, rows = make(
        checkpoint,
        dataset,
        settings(tmp_path, margin=0.7),
        [RIGHT, HALF, HALF],
        image000101=[RIGHT, WRONG, HALF],
    )
    assert len(rows) == 1
    assert "dropped 6: all answers are about equally good" in report
    with pytest.raises(UserError, match=r"nothing to learn from: .*dropped 7: all answers are about equally"):
        make(checkpoint, dataset, settings(tmp_path, answers=3, margin=0.9, overwrite=True), [RIGHT] * 3)


def test_a_cut_answer_is_rejected_and_never_chosen(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    _, rows = make(checkpoint, dataset, settings(tmp_path), [CUT, HALF.replace("400", "450"), CUT])
    assert {texts_of(row)[1] for row in rows} == {CUT.text}
    assert {texts_of(row)[0] for row in rows} == {HALF.replace("400", "450")}


@pytest.mark.parametrize("markup", ["<image>", "<|image_pad|>", "<video>"])
def test_an_answer_with_a_placeholder_is_neither_chosen_nor_rejected(
    checkpoint: Path, dataset: Any, tmp_path: Path, markup: str
) -> None:
    filled = f"{RIGHT}{markup}"
    report, rows = make(
        checkpoint,
        dataset,
        settings(tmp_path),
        [filled, RIGHT, WRONG],
        image000102=[RIGHT, HALF, f"<bbox>{WRONG}"],
        image000103=[filled] * 3,
    )
    assert [texts_of(row) for row in rows[:2]] == [(RIGHT, WRONG), (RIGHT, HALF)]
    assert len(rows) == 6
    assert "dropped 1: all answers hold placeholders, or tokens of pictures" in report


def test_the_best_answers_are_records_in_the_data_sets_own_format(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, keep="best", good=0.9)
    report, rows = make(
        checkpoint, dataset, chosen, [HALF, RIGHT.replace(",", ", "), WRONG], image000104=[HALF] * 3
    )
    records = [json.loads(line) for line in (dataset.path / "train.jsonl").read_text().splitlines()]
    assert rows == records
    assert "7 best answers (7 in train.jsonl); 1 of them choose the record's own answer" in report


def test_best_answers_that_training_would_refuse_are_dropped(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, keep="best", answers=1, good=0.3)
    bad = f"(0,0),(400,400), {RIGHT}"  # the first box has no name
    report, rows = make(checkpoint, dataset, chosen, [bad], image000101=[RIGHT])
    assert len(rows) == 1
    assert "dropped 6: training would refuse it: " in report


def test_some_images_are_kept_apart(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    _, rows = make(checkpoint, dataset, settings(tmp_path, val_share=0.3), [RIGHT, WRONG, HALF])
    val = [json.loads(line) for line in (tmp_path / "val.jsonl").read_text().splitlines()]
    assert len(val) == 2
    assert len(rows) == 5
    assert not {row["images"][0] for row in val} & {row["images"][0] for row in rows}
    assert load_card(tmp_path).counts["val"] == {"images": 2, "records": 2}


def test_images_are_links_where_that_is_possible(
    checkpoint: Path, dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(checkpoint, dataset, settings(tmp_path / "linked"), [RIGHT, WRONG, HALF])
    first = dataset.path / "images" / "000101.png"
    assert (tmp_path / "linked" / "images" / "000101.png").samefile(first)

    def refuse(*args: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    make(checkpoint, dataset, settings(tmp_path / "copied"), [RIGHT, WRONG, HALF])
    copy = tmp_path / "copied" / "images" / "000101.png"
    assert not copy.samefile(first)
    assert copy.read_bytes() == first.read_bytes()


def test_another_choice_of_the_same_answers_asks_nothing(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    make(checkpoint, dataset, settings(tmp_path, val_share=0.3), [RIGHT, HALF, WRONG])
    _, rows = make(checkpoint, dataset, settings(tmp_path, margin=0.9), [])  # an engine without answers
    assert len(rows) == 7
    assert not (tmp_path / "val.jsonl").exists()


def test_an_interrupted_run_ends_with_the_same_bytes(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    class Dying(ListEngine):
        def answer(self, requests: Any) -> Any:
            if self.asked > 8:
                raise KeyboardInterrupt
            return super().answer(requests)

    one, two = (settings(tmp_path / name, batch_size=2, val_share=0.2) for name in ("whole", "resumed"))
    texts = [RIGHT, HALF, WRONG]
    make(checkpoint, dataset, one, texts)
    with pytest.raises(KeyboardInterrupt):
        make_pairs(str(checkpoint), dataset.path, two, lambda _: Dying(texts))
    assert not (tmp_path / "resumed" / "card.json").exists()
    make(checkpoint, dataset, two, texts)
    for name in ("train.jsonl", "val.jsonl", "card.json", "report.txt", "samples.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


def test_other_data_sets_are_not_written_over(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is the data set itself"):
        make(checkpoint, dataset, settings(dataset.path), [RIGHT])
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds another card\.json"):
        make(checkpoint, dataset, settings(tmp_path), [RIGHT])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"keep": "worst"}, "keep: 'worst' is not one of pairs, best"),
        ({"good": 0}, "good: 0 is not above 0 and up to 1"),
        ({"margin": 1.5}, r"margin: 1\.5 is not above 0"),
        ({"val_share": 1.0}, r"val_share: 1\.0 is not 0 or more and below 1"),
        ({"answers": 1, "truth": False}, "answers: a pair needs 2 or more"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairSettings(**values)


def test_the_folder_is_beside_the_checkpoint_unless_set(tmp_path: Path) -> None:
    assert PairSettings().output_path(str(tmp_path)) == tmp_path / "pairs"
    assert PairSettings(keep="best").output_path(str(tmp_path)) == tmp_path / "best"
    with pytest.raises(UserError, match="output_dir: org/model is no folder on this machine"):
        PairSettings().output_path("org/model")


def test_pairs_and_best_answers_of_several_pictures_keep_all(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    join_questions(dataset.path, "train")
    right, wrong = right_answer(2), right_answer(2).replace("Image 2", "Image 1")
    texts = [RIGHT, WRONG, RIGHT]
    by_image = {"image000101": [right, wrong, right], "image000103": [right_answer(3)] * 3}
    _, rows = make(checkpoint, dataset, settings(tmp_path / "pairs"), texts, **by_image)
    first = rows[0]
    assert first["images"] == ["images/000101.png", "images/000102.png"]
    assert texts_of(first) == (right, wrong)  # a box in the wrong picture is worth less
    best = settings(tmp_path / "best", keep="best")
    _, rows = make(checkpoint, dataset, best, texts, **by_image)
    assert rows[1]["objects"]["image_id"] == [0, 1, 2]
    assert rows[1]["messages"][-1]["content"].startswith("Image 1: <ref-object><bbox>")


def test_pictures_of_one_question_are_held_out_together(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    path = dataset.path / "train.jsonl"
    alone = path.read_text(encoding="utf-8").splitlines()[1]  # a question about a picture of another one, too
    join_questions(dataset.path, "train")
    path.write_text(f"{path.read_text(encoding='utf-8')}{alone}\n", encoding="utf-8")
    by_image = {
        f"image{group[0]:06}": [right_answer(len(group)), right_answer(len(group)).replace("500", "900")]
        for group in GROUPS
    }
    for seed in range(4):
        chosen = settings(tmp_path / str(seed), val_share=0.5, seed=seed, answers=2)
        make(checkpoint, dataset, chosen, [RIGHT, WRONG], **by_image)
        shown = []
        for split in ("train", "val"):
            lines = (tmp_path / str(seed) / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
            shown.append({image for line in lines for image in json.loads(line)["images"]})
        assert len(shown[0]) + len(shown[1]) == 7
        assert not shown[0] & shown[1]
