"""Answers that are sampled to questions about two pictures: their rewards, and the rows that teach them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grounding.answers.asked import Asked
from grounding.answers.reader import read_answer
from grounding.boxes import Size
from grounding.record.conversation import parse_record
from infer.asking.dataset_questions import AskedPicture, Question, read_request
from infer.engines.paddle.decoding import Row
from infer.engines.paddle.engine import PaddleEngine
from infer.sampling.known_questions import KnownQuestion
from tests.train.objectives.grpo.test_shared_rows import apart, logprobs_and_gradients
from tests.train.several_pictures import write_two_pictures
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.learned_batch import LearnedBatch
from train.objectives.grpo.rewarded_questions import QuestionOrder
from train.objectives.grpo.rollouts import Sampler
from train.objectives.grpo.shared_rows import collate


@pytest.fixture
def known_two(tmp_path: Path) -> list[KnownQuestion]:
    """Two questions that show two pictures each, with one object in each of them."""
    data = write_two_pictures(tmp_path / "two", train=2)
    found = []
    for line, text in enumerate((data / "train.jsonl").read_text().splitlines(), start=1):
        row = json.loads(text)
        _, request = read_request(row, data, f"line {line}")
        pictures = []
        for place, name in enumerate(row["images"]):
            with Image.open(data / name) as image:
                pictures.append(AskedPicture(2 * line + place, name, Size(*image.size)))
        question = Question(tuple(pictures), request)
        [truth] = parse_record(row).answers
        assert question.asked == Asked(tuple(picture.size for picture in pictures))
        found.append(KnownQuestion(question, line, row, truth, read_answer(truth, question.asked)))
    return found


def test_a_box_in_the_wrong_picture_is_a_wrong_box(
    engine: PaddleEngine, known_two: list[KnownQuestion], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(truth: str, draw: int) -> str:
        swapped = (
            truth.replace("Image 1", "Image 0").replace("Image 2", "Image 1").replace("Image 0", "Image 2")
        )
        return [truth, truth.partition("\n")[0], swapped][draw]

    def generate(prompts: Any, sources: Any, requests: Any) -> list[Row]:
        rows = []
        for number, (source, request) in enumerate(zip(sources, requests, strict=True)):
            [asked] = [each for each in known_two if each.question.request.images == request.images]
            text = answer(asked.truth, request.draw)
            ids = list(engine.encoder.tokenizer(text, add_special_tokens=False)["input_ids"])
            row = Row(number, source, 64, token_ids=ids, entropies=[0.5] * len(ids))
            row.pending, row.has_ended = ids[-1:], True
            rows.append(row)
        return rows

    monkeypatch.setattr(engine, "generate", generate)
    settings = GrpoSettings(group=3, prompts=2, max_new_tokens=64)
    sampler = Sampler(engine, known_two, QuestionOrder(2, seed=1), settings, 512)
    rollouts = sampler.collect(0).rollouts
    assert len(rollouts) == 6
    for start in (0, 3):
        whole, half, other = rollouts[start : start + 3]
        assert [each.picture for each in whole.reading.detections] == [0, 1]
        assert whole.reward == pytest.approx(1)
        assert half.reward == pytest.approx(2 / 3)  # one box of two
        assert other.reward < 0.5 < half.reward
        assert whole.prompt.image_grid_thw.shape == [2, 3]


def test_shared_rows_learn_what_rows_of_their_own_learn(
    model: Any,
    engine: PaddleEngine,
    known_two: list[KnownQuestion],
    collator: Callable[..., Any],
    answered: Any,
) -> None:
    prompts = [engine.encode(each.question.request) for each in known_two]
    rollouts = [
        answered(prompts[place], ids) for place, ids in ((0, (30, 31, 32)), (0, (40,)), (1, (60, 61)))
    ]
    together = collate(LearnedBatch(rollouts), collator())
    alone = collate(LearnedBatch(apart(rollouts)), collator())
    assert together["input_ids"].shape[0] == 2
    assert together["image_grid_thw"].shape[0] == 4
    assert alone["image_grid_thw"].shape[0] == 6
    found, gradients = logprobs_and_gradients(model, together)
    wanted, expected = logprobs_and_gradients(model, alone)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(gradients[name], value, atol=2e-4, rtol=1e-4, err_msg=name)
