"""Views at inference: the prompts of a data set that was prepared with views, and answers about the whole."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.card import Card, save_card
from grounding.errors import UserError
from grounding.regions.region_mark import Region
from grounding.samples import Detection
from infer.asking.candidates.given_candidates import with_given_candidates
from infer.asking.dataset_questions import Question, fingerprint_questions, read_questions
from infer.asking.merged_answers import SEEN_TWICE
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.views.view_checks import check_views, warn_of_untrained_views
from infer.asking.ways import ask_batch
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.predicted_row import prediction_row
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.shapes.scenes import ShapeSettings
from prepare.shapes.source_files import write_source
from prepare.sources.source_settings import SourceSettings

NAMES = ["red square", "green circle", "blue triangle"]
WHOLE = Size(96, 96)
TWICE = (
    Detection(NAMES[0], Box(10, 10, 40, 40)),
    Detection(NAMES[1], Box(10, 10, 40, 40)),
    Detection(NAMES[0], Box(11, 10, 41, 40)),
    Detection(NAMES[0], Box(60, 60, 90, 90)),
)


class Seeing:
    """Keeps text and pixels of what it is asked, and answers the same each time."""

    def __init__(self, *answer: Detection) -> None:
        self.text, self.seen = write_answer("json", answer, WHOLE).content, list[tuple[str, list[Any]]]()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        for request in requests:
            assert request.pictures_asked == 1  # grammar and watch for repeats know no other picture
            pixels = [np.asarray(Image.open(path).convert("RGB")).tolist() for path in request.images]
            self.seen.append((request.user, pixels))
        return [RawAnswer(self.text, is_cut=False)] * len(requests)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures, and results of a detector for them."""
    folder = tmp_path_factory.mktemp("source")
    write_source(folder / "shapes", ShapeSettings(images=2, val_images=2, image_size=96, cells=12))
    rows = [
        {"image_id": image_id, "category_id": 1, "bbox": [8 * image_id, 10, 20, 12], "score": 0.9}
        for image_id in range(1, 5)
    ]
    (folder / "found.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


def prepared(source: Path, output: Path, **keys: Any) -> Path:
    place = SourceSettings(hub="local", path=str(source / "shapes"))
    prepare_dataset(
        PrepareRecipe(
            source=place, categories=NAMES, output_dir=str(output), total_samples=None, candidates=keys.pop(
                "candidates", CandidateQuestions()
            ), **keys
        )
    )  # fmt: skip
    return output


def asked(dataset: Path, engine: Seeing, **keys: Any) -> tuple[InferRecipe, list[Question]]:
    recipe = InferRecipe(checkpoint="", dataset=str(dataset), output_dir="", batch_size=4, **keys)
    return recipe, read_questions(dataset, "val")


def rows_of(questions: Sequence[Question], answers: Sequence[ParsedAnswer]) -> list[dict[str, Any]]:
    return [prediction_row(*pair) for pair in zip(questions, answers, strict=True)]


@pytest.mark.parametrize(
    "keys",
    [
        {"views": "global+tiles"},
        {"views": "global+tiles", "view_size": 50, "view_overlap": 0.1, "view_pixels": 900},
        {"views": "global+objects", "view_context": 1.5},
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_prompts_are_those_of_a_data_set_with_views(
    source: Path, tmp_path: Path, keys: dict[str, Any], language: str
) -> None:
    listed = keys["views"] == "global+objects"
    both = {
        "language": language,
        "candidates": CandidateQuestions(file=str(source / "found.json") if listed else None),
    }
    with_views = prepared(source, tmp_path / "views", **both, **keys)
    without = prepared(source, tmp_path / "plain", **both)
    trained, asked_now = Seeing(), Seeing()
    recipe, questions = asked(with_views, trained)
    shown = rows_of(questions, ask_batch(trained, questions, recipe))
    recipe, plain = asked(without, asked_now, **keys)
    added = rows_of(plain, ask_batch(asked_now, plain, recipe))
    assert len(trained.seen) == 2
    assert all(len(pixels) > 1 for _, pixels in trained.seen)
    assert asked_now.seen == trained.seen
    assert added == shown
    assert [len(row["views"]["regions"]) for row in added] == [len(pixels) - 1 for _, pixels in trained.seen]
    assert [question.pictures for question in plain] == [question.pictures for question in questions]
    assert fingerprint_questions(plain) != fingerprint_questions(questions)
    for_words = [replace(plain[0], region=Region((0, 0, 500, 500), "blur", None, ("a square",)))]
    [words] = rows_of(for_words, ask_batch(asked_now, for_words, recipe))
    assert "views" not in words  # it is asked without
    assert len(asked_now.seen[-1][1]) == 1


@pytest.mark.parametrize("is_prepared", [True, False])
def test_boxes_are_those_of_the_whole_picture_and_each_object_stands_once(
    source: Path, tmp_path: Path, *, is_prepared: bool
) -> None:
    keys = {"views": "global+tiles"}
    dataset = prepared(source, tmp_path / "views", **(keys if is_prepared else {}))
    recipe, questions = asked(dataset, engine := Seeing(*TWICE), **({} if is_prepared else keys))
    for answer in ask_batch(engine, questions, recipe):
        first, other, _, last = TWICE
        assert [found.label for found in answer.detections] == [first.label, other.label, last.label]
        assert answer.detections[0].box.xyxy == pytest.approx(first.box.xyxy, abs=0.1)
        assert answer.detections[2].box.xyxy == pytest.approx(last.box.xyxy, abs=0.1)
        assert answer.problems == (SEEN_TWICE,)


def test_without_views_nothing_is_merged(source: Path, tmp_path: Path) -> None:
    recipe, questions = asked(prepared(source, tmp_path / "plain"), engine := Seeing(*TWICE))
    answer = ask_batch(engine, questions, recipe)[0]
    assert len(answer.detections) == 4
    assert answer.problems == ()


def test_views_go_with_votes_and_not_with_questions_of_another_kind(source: Path, tmp_path: Path) -> None:
    plain, views = (
        prepared(source, tmp_path / name, views=kind)
        for name, kind in (("plain", "none"), ("views", "global+tiles"))
    )
    recipe, questions = asked(plain, engine := Seeing(*TWICE), views="global+tiles", agree=3, temperature=0.7)
    (answer, _) = ask_batch(engine, questions, recipe)
    assert [found.score for found in answer.detections] == [1.0] * 3
    with pytest.raises(UserError, match="show views already: leave views out"):
        ask_batch(engine, read_questions(views, "val"), recipe)
    usual = InferRecipe(checkpoint="", dataset=str(views), output_dir="")
    for changed, key in (
        ({"zoom": "tiles"}, "zoom"),
        ({"per_category": True}, "per_category"),
        ({"verify": "drop"}, "verify"),
        ({"score": "yes_no"}, "score"),
    ):
        with pytest.raises(UserError, match=f"^{key}=.* leave {key} out"):
            ask_batch(engine, read_questions(views, "val"), replace(usual, **changed))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"^views: {key}=.* leave {key} or views out"):
            replace(usual, **changed, views="global+tiles")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no question has any"):
        ask_batch(engine, questions, replace(usual, views="global+objects"))


def results_of(folder: Path, left: int) -> CandidateQuestions:
    path = folder / f"found_{left}.json"
    box = {"category_id": 1, "bbox": [left, 10, 20, 12], "score": 0.9}
    path.write_text(json.dumps([{"image_id": image_id, **box} for image_id in range(1, 5)]), encoding="utf-8")
    return CandidateQuestions(file=str(path), without=0)


def test_other_candidates_go_with_tiles(source: Path, tmp_path: Path) -> None:
    one, other = results_of(tmp_path, 8), results_of(tmp_path, 40)
    plain, with_one, with_other = (
        prepared(source, tmp_path / name, views="global+tiles", language="zh", candidates=listed)
        for name, listed in (("plain", CandidateQuestions()), ("one", one), ("other", other))
    )
    wanted = read_questions(with_other, "val")
    for dataset in (plain, with_one):
        recipe = InferRecipe(checkpoint="", dataset=str(dataset), output_dir="", candidates=other.file)
        questions = with_given_candidates(read_questions(dataset, "val"), recipe)
        check_views(recipe, questions)
        assert [question.candidates for question in questions] == [each.candidates for each in wanted]
        if dataset == with_one:  # a data set without candidates does not say in which words they are listed
            assert [each.request.user for each in questions] == [each.request.user for each in wanted]
    recipe = InferRecipe(checkpoint="", dataset=str(with_one), output_dir="", candidates="none")
    questions = with_given_candidates(read_questions(with_one, "val"), recipe)
    check_views(recipe, questions)
    assert [each.request.user for each in questions] == [
        each.request.user for each in read_questions(plain, "val")
    ]


@pytest.mark.parametrize("candidates", ["none", "other"])
def test_views_of_candidates_belong_to_their_own(source: Path, tmp_path: Path, candidates: str) -> None:
    one, other = results_of(tmp_path, 8), results_of(tmp_path, 40)
    dataset = prepared(source, tmp_path / "objects", views="global+objects", candidates=one)
    given = other.file if candidates == "other" else candidates
    recipe = InferRecipe(checkpoint="", dataset=str(dataset), output_dir="", candidates=given)
    questions = with_given_candidates(read_questions(dataset, "val"), recipe)
    wanted = (
        r"^candidates=.* its own candidates: leave candidates out, or name .* views=global\+objects here$"
    )
    with pytest.raises(UserError, match=wanted):
        check_views(recipe, questions)


@pytest.mark.parametrize(
    ("trained", "asked", "warns"),
    [({}, "global+tiles", True), ({"views": "global+tiles"}, "global+tiles", False), ({}, "none", False)],
)
def test_a_model_that_never_saw_views_is_named(
    trained: dict[str, Any], asked: str, warns: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "train.yaml").write_text(f"train_dataset_path: {tmp_path}/data/train.jsonl\n")
    save_card(Card("", {}, "objects", (), "none", trained, {}), tmp_path / "data")
    recipe = InferRecipe(checkpoint=str(tmp_path / "run"), dataset="data", output_dir="out", views=asked)
    warn_of_untrained_views(recipe)
    assert ("expect worse answers" in caplog.text) is warns
