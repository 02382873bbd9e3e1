import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import TRUNCATED
from grounding.errors import UserError
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from infer.sampling.graded_answers import GradedQuestion
from infer.sampling.sample_settings import SampleSettings
from infer.sampling.sampling_run import sample_answers

SETTINGS = SampleSettings(answers=3, batch_size=2)
TRUTH = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"


class DrawEngine:
    """Answers draw 0 rightly, draw 1 with a smaller box, the others are cut."""

    def __init__(self, *, dies_after: int = 10**6) -> None:
        self.batches: list[list[Request]] = []
        self.dies_after = dies_after

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        if len(self.batches) == self.dies_after:
            raise KeyboardInterrupt
        self.batches.append(list(requests))
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> RawAnswer:
        if request.draw > 1:
            return RawAnswer("no", is_cut=True)
        side = (500, 400)[request.draw]
        return RawAnswer(f"red square(100,100),({side},{side})", is_cut=False)

    @property
    def images(self) -> list[str]:
        return [request.picture.name for batch in self.batches for request in batch]


def sample(
    checkpoint: Path, dataset: Any, folder: Path, settings: SampleSettings = SETTINGS, **options: Any
) -> tuple[DrawEngine, list[GradedQuestion]]:
    engine = DrawEngine(**options)
    return engine, sample_answers(checkpoint, dataset.path, folder, settings, lambda _: engine)


def test_each_answer_has_the_reward_for_its_record(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    engine, found = sample(checkpoint, dataset, tmp_path / "out")
    assert len(found) == 7
    assert {item.known.truth for item in found} == {TRUTH}
    for item in found:
        right, smaller, cut = item.answers
        assert right.reward == 1
        assert 0.3 < smaller.reward < 0.7  # IoU 0.5625: half of it is the IoU, and 2 of 10 thresholds
        assert cut.reward == 0
        assert cut.is_cut
        assert not smaller.is_cut
        assert TRUNCATED in cut.problems
    assert {request.draw for batch in engine.batches for request in batch} == {0, 1, 2}


def test_all_answers_about_an_image_are_asked_next_to_each_other(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    images = sample(checkpoint, dataset, tmp_path / "out")[0].images
    assert images == [f"{number:06}.png" for number in range(101, 108) for _ in range(3)]


@pytest.mark.parametrize("dies_after", [0, 2, 4, 9])
def test_an_interrupted_run_resumes_and_ends_with_the_same_bytes(
    checkpoint: Path, dataset: Any, tmp_path: Path, dies_after: int
) -> None:
    sample(checkpoint, dataset, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        sample(checkpoint, dataset, tmp_path / "part", dies_after=dies_after)
    assert not (tmp_path / "part" / "samples.jsonl").exists()
    engine, found = sample(checkpoint, dataset, tmp_path / "part")
    assert len(engine.images) == 3 * (7 - 2 * (dies_after // 3))  # each batch takes 3 calls of 2 answers
    assert len(found) == 7
    whole, part = (tmp_path / name / "samples.jsonl" for name in ("whole", "part"))
    assert whole.read_bytes() == part.read_bytes()
    assert [path.name for path in part.parent.iterdir() if path.suffix == ".part"] == []


def test_a_batch_with_one_missing_answer_is_asked_as_a_whole(
    checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        sample(checkpoint, dataset, tmp_path, dies_after=3)
    part = tmp_path / "samples.jsonl.part"
    part.write_bytes(part.read_bytes()[:-5])  # the second row is cut
    engine, _ = sample(checkpoint, dataset, tmp_path)
    assert engine.images[:3] == ["000101.png"] * 3


def test_a_finished_run_is_read_back_without_a_model(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    _, first = sample(checkpoint, dataset, tmp_path)
    engine, second = sample(checkpoint, dataset, tmp_path)
    assert engine.images == []
    assert first == second


@pytest.mark.parametrize("change", [{"answers": 4}, {"temperature": 0.5}, {"seed": 7}, {"repeat_stop": True}])
def test_answers_of_other_settings_are_refused(
    checkpoint: Path, dataset: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    sample(checkpoint, dataset, tmp_path)
    other = dataclasses.replace(SETTINGS, **change)
    with pytest.raises(UserError, match=f"{next(iter(change))}=.*overwrite=true"):
        sample(checkpoint, dataset, tmp_path, other)
    engine, _ = sample(checkpoint, dataset, tmp_path, dataclasses.replace(other, overwrite=True))
    assert engine.images


def test_keys_that_change_no_answer_do_not_ask_again(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    sample(checkpoint, dataset, tmp_path)
    engine, _ = sample(checkpoint, dataset, tmp_path, dataclasses.replace(SETTINGS, batch_size=4))
    assert engine.images == []


def test_another_truth_asks_again(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    sample(checkpoint, dataset, tmp_path)
    file = dataset.path / "train.jsonl"
    file.write_text(file.read_text().replace("[100, 100, 500, 500]", "[100, 100, 500, 600]"))
    engine, found = sample(checkpoint, dataset, tmp_path)
    assert engine.images
    assert found[0].answers[0].reward < 1


def test_a_file_that_is_not_ours_is_refused(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    (tmp_path / "sampling.json").write_text("[]")
    with pytest.raises(UserError, match=r"sampling\.json: not what this command writes"):
        sample(checkpoint, dataset, tmp_path)


def test_the_first_questions_alone(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    _, found = sample(checkpoint, dataset, tmp_path, dataclasses.replace(SETTINGS, limit=3))
    assert [item.known.question.image for item in found] == [f"images/{n:06}.png" for n in (101, 102, 103)]


def test_a_server_is_asked_in_threads(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, engine="openai", base_url="http://localhost:1/v1", model="m")
    _, threaded = sample(checkpoint, dataset, tmp_path / "threads", settings)
    _, batched = sample(checkpoint, dataset, tmp_path / "batches")
    assert [item.answers for item in threaded] == [item.answers for item in batched]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 0.0}, "temperature: 0.0 is not above 0"),
        ({"answers": 0}, "answers: 0 is less than 1"),
        ({"top_p": 0.0}, "top_p"),
        ({"engine": "torch"}, "engine: 'torch' is not one of paddle, openai"),
        ({"engine": "openai"}, "base_url"),
        ({"batch_size": 0}, "batch_size: 0 is less than 1"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SampleSettings(**values)


def test_the_engine_gets_the_settings() -> None:
    settings = SampleSettings(temperature=0.7, top_p=0.9, seed=3, max_new_tokens=99, repeat_stop=True)
    engine = settings.engine_settings(Path("model"))
    assert engine == EngineSettings(
        checkpoint="model", temperature=0.7, top_p=0.9, seed=3, max_new_tokens=99, repeat_stop=True
    )


def test_a_record_without_an_answer_is_named(checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (dataset.path / "train.jsonl").read_text().splitlines()]
    rows[1]["messages"] = rows[1]["messages"][:-1]
    (dataset.path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"train\.jsonl, line 2: no answer in it"):
        sample(checkpoint, dataset, tmp_path)
