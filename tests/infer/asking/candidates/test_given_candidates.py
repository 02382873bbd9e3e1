import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.answers.forms import NO_SUCH_CANDIDATE, TRUNCATED
from grounding.candidates.candidate_list import CandidateList, ListedCandidate
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.errors import UserError
from grounding.predictions.prediction_rows import parse_prediction
from infer.asking.candidates.given_candidates import with_given_candidates
from infer.asking.dataset_questions import Question, fingerprint_questions, read_questions
from infer.asking.parsed_answers import parse_raw_answer
from infer.asking.ways import ask_batch
from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import BeingFitted
from infer.confidence.candidate_features import ALL_FEATURES
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.predicted_row import prediction_row
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings
from tests.infer.asking.color_engine import SIZE, TokenEngine

LISTED = CandidateList(
    "Candidates:\n{candidates}",
    (ListedCandidate((50, 100, 80, 130), "red", 0.9), ListedCandidate((0, 0, 500, 500), "blue", 0.2)),
)


@pytest.fixture
def listed(questions: list[Question]) -> list[Question]:
    """The first question lists candidates, the second none."""
    first, second = questions
    request = replace(first.request, user=LISTED.add_to(first.request.user, "objects"), candidates=2)
    return [replace(first, request=request, candidates=LISTED), second]


def test_the_records_candidates_are_asked_or_taken_away(
    recipe: InferRecipe, questions: list[Question], listed: list[Question]
) -> None:
    assert with_given_candidates(listed, recipe) == listed
    assert with_given_candidates(listed, replace(recipe, candidates="none")) == questions
    assert fingerprint_questions(listed) != fingerprint_questions(questions)
    spoiled = [replace(listed[0], request=replace(listed[0].request, user="<image>Find all."))]
    with pytest.raises(UserError, match="does not list the candidates"):
        with_given_candidates(spoiled, replace(recipe, candidates="none"))


@pytest.mark.parametrize("way", [{"per_category": True}, {"zoom": "tiles"}])
def test_ways_that_list_no_candidates_are_refused(
    way: dict[str, Any], recipe: InferRecipe, listed: list[Question]
) -> None:
    with pytest.raises(UserError, match="set candidates=none"):
        with_given_candidates(listed, replace(recipe, **way))
    with_given_candidates(listed, replace(recipe, candidates="none", **way))


def write_results(folder: Path, rows: list[dict[str, Any]]) -> str:
    (folder / "results.json").write_text(json.dumps(rows))
    return str(folder / "results.json")


def test_a_file_gives_other_candidates(recipe: InferRecipe, listed: list[Question], tmp_path: Path) -> None:
    rows = [
        {"image_id": "1", "category_id": 2, "bbox": [40, 30, 80, 60], "score": 0.5},
        {"image_id": "1", "category_id": 3, "bbox": [0, 0, 400, 300], "score": 0.6},
    ]
    first, second = with_given_candidates(listed, replace(recipe, candidates=write_results(tmp_path, rows)))
    assert first.candidates is None
    assert first.text == "Task: Object Detection"
    assert second.candidates is not None
    assert {(item.label, item.box) for item in second.candidates.items} == {
        ("green", (100, 100, 300, 300)),
        ("blue", (0, 0, 1000, 1000)),
    }
    assert second.request.user == second.candidates.add_to("<image>Task: Object Detection", "objects")
    assert second.request.candidates == 2


def test_the_results_of_other_images_are_refused(
    recipe: InferRecipe, listed: list[Question], tmp_path: Path
) -> None:
    path = write_results(tmp_path, [{"image_id": 77, "category_id": 2, "bbox": [40, 30, 80, 60]}])
    with pytest.raises(UserError, match="no usable box for any of 2 questions"):
        with_given_candidates(listed, replace(recipe, candidates=path))


def test_boxes_of_another_form_are_refused(
    recipe: InferRecipe, listed: list[Question], tmp_path: Path
) -> None:
    image = int(Path(listed[0].image).stem)
    path = write_results(tmp_path, [{"image_id": image, "category_id": 2, "bbox": [0.1, 0.2, 0.4, 0.4]}])
    with pytest.raises(UserError, match=r"no number above 1, .*in pixels of the original picture"):
        with_given_candidates(listed, replace(recipe, candidates=path))


def drawn_source(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Twelve pictures in COCO's JSON, and the results of a detector for all of them."""
    entries: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for split, numbers in (("train", range(1, 9)), ("val", range(9, 13))):
        images, objects = [], []
        for number in numbers:
            path = folder / split / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 20), (number, 9, 9)).save(path)
            images.append({"id": number, "file_name": path.name, "width": 40, "height": 20})
            box = {"bbox": [4, 2, 16, 8], "area": 128, "iscrowd": 0, "category_id": 1}
            objects.append({"id": number, "image_id": number, **box})
        categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        entries[split] = {"images": images, "annotations": objects, "categories": categories}
        (folder / f"instances_{split}.json").write_text(json.dumps(entries[split]))
    rows = [
        {"image_id": number, "category_id": 1 + place % 2, "bbox": [place, 2, 16, 8], "score": 0.1 * place}
        for number in range(1, 13)
        for place in range(1, 8)
    ]
    return folder, rows


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_a_file_gives_the_questions_that_preparing_with_it_gives(
    answer_format: str, recipe: InferRecipe, tmp_path: Path
) -> None:
    folder, rows = drawn_source(tmp_path / "source")
    path = write_results(tmp_path, rows)

    def prepared(name: str, candidates: CandidateQuestions) -> Path:
        made = PrepareRecipe(
            source=SourceSettings(kind="coco_json", path=str(folder)),
            categories="source",
            output_dir=str(tmp_path / name),
            total_samples=None,
            answer_format=answer_format,
            language="any",
            prompt="detection",
            candidates=candidates,
        )
        prepare_dataset(made)
        return tmp_path / name

    settings = CandidateQuestions(path, most=5, scores=True)
    with_file = prepared("with_file", settings)
    other = [{**row, "bbox": [1, 1, 5, 5]} for row in rows]
    (tmp_path / "other.json").write_text(json.dumps(other))
    with_other = prepared("with_other", replace(settings, file=str(tmp_path / "other.json")))
    asked = with_given_candidates(
        read_questions(with_other, "val"), replace(recipe, dataset=str(with_other), candidates=path)
    )
    wanted = read_questions(with_file, "val")
    assert [question.text for question in asked] == [question.text for question in wanted]
    assert [question.candidates for question in asked] == [question.candidates for question in wanted]
    assert all(question.candidates is not None for question in wanted)


class NamingEngine:
    """Names the second candidate and a new box."""

    def answer(self, requests: list[Request]) -> list[RawAnswer]:
        blue, red = (f"<|object_ref_start|>{name}<|object_ref_end|>" for name in ("blue", "red"))
        text = f"{blue}#2, {red}<|box_start|>(100,100),(200,200)<|box_end|>"
        return [RawAnswer(text, is_cut=False) for _ in requests]


def test_answers_are_read_with_the_candidates_of_their_question(
    recipe: InferRecipe, listed: list[Question]
) -> None:
    first, second = ask_batch(NamingEngine(), listed, recipe)
    assert [(item.label, item.box.xyxy) for item in first.detections] == [
        ("blue", (0, 0, SIZE.width / 2, SIZE.height / 2)),
        ("red", (40, 30, 80, 60)),
    ]
    assert first.problems == ()
    assert [item.label for item in second.detections] == ["red"]
    assert second.problems == (NO_SUCH_CANDIDATE,)
    row = json.loads(json.dumps(prediction_row(listed[0], first)))
    prediction = parse_prediction(row, "row")
    assert [(item.label, item.score) for item in prediction.candidates] == [("red", 0.9), ("blue", 0.2)]
    assert prediction.candidates[1].box == first.detections[0].box
    with pytest.raises(UserError, match=r"row: not a prediction .*candidates.boxes"):
        parse_prediction({**row, "candidates": {"ask": "{candidates}", "boxes": [[1, 1, 1, 1]]}}, "row")


def test_asking_back_lists_no_candidates(recipe: InferRecipe, listed: list[Question]) -> None:
    asked: list[Request] = []

    class Listening(NamingEngine):
        def answer(self, requests: list[Request]) -> list[RawAnswer]:
            asked.extend(requests)
            return super().answer(requests)

    ask_batch(Listening(), listed[:1], replace(recipe, verify="mark"))
    assert [request.candidates for request in asked] == [2, 0, 0]
    assert "#1" not in asked[1].user


def test_calibrated_scores_weigh_what_the_detector_thought(
    recipe: InferRecipe, listed: list[Question]
) -> None:
    """The first question's small red object has a candidate with a score of 0.9, its green one has none."""
    calibrated = replace(recipe, score="calibrated")
    unnamed = replace(LISTED, shows_labels=False)  # the engine looks for the colours that a text names
    request = replace(listed[0].request, user=unnamed.add_to("<image>Find all.", "objects"))
    listed = [replace(listed[0], request=request, candidates=unnamed), listed[1]]
    (answer, _) = ask_batch(TokenEngine(), listed, calibrated, BeingFitted(ALL_FEATURES))
    place = ALL_FEATURES.index("candidate_score")
    red, green = (found.features for found in answer.detections)
    assert len(red) == len(green) == len(ALL_FEATURES)
    assert red[place] > 1 > -1 > green[place]
    (plain, _) = ask_batch(TokenEngine(), listed, calibrated, BeingFitted())
    assert [found.features for found in plain.detections] == [
        row[: len(FEATURE_NAMES)] for row in (red, green)
    ]


def test_a_number_at_the_end_of_a_cut_answer_is_left_out() -> None:
    """It can lack digits; a corrected box is whole."""
    asked = LISTED.asked((SIZE,))
    red = "<|object_ref_start|>red<|object_ref_end|>"
    box = "<|box_start|>(100,100),(200,200)<|box_end|>"
    for text, count in ((f"{red}#2, {red}#1", 1), (f"{red}#2, {red}#1{box}", 2), (f"{red}#2, ", 1)):
        cut = parse_raw_answer(RawAnswer(text, is_cut=True), asked)
        assert (len(cut.detections), cut.problems) == (count, (TRUNCATED,))
        assert len(parse_raw_answer(RawAnswer(text, is_cut=False), asked).detections) == text.count("#")
