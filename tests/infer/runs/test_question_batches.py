"""Batches of questions, whose answers do not depend on the batch before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infer.asking.dataset_questions import read_questions
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.runs.question_batches import ask_by_place, ask_questions


class KeepingEngine:
    """Records what it is asked, and when it has to forget."""

    def __init__(self) -> None:
        self.calls: list[int | str] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.calls.append(len(requests))
        return [RawAnswer("", is_cut=False) for _ in requests]

    def forget(self) -> None:
        self.calls.append("forget")


def test_each_batch_begins_without_what_the_engine_keeps(
    dataset: Any, checkpoint: Path, tmp_path: Path
) -> None:
    recipe = InferRecipe(
        checkpoint=str(checkpoint), dataset=str(dataset.path), output_dir=str(tmp_path / "out"), batch_size=3
    )
    engine, questions = KeepingEngine(), read_questions(dataset.path, "val")
    answers = [place for part in ask_questions(engine, questions, range(7), recipe) for place in part]
    assert answers == list(range(7))
    assert engine.calls == ["forget", 3, "forget", 3, "forget", 1]


SERVER = {"engine": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "concurrency": 2}


@pytest.mark.parametrize(
    ("keys", "asked", "forgotten"),
    [({"checkpoint": "m", "batch_size": 3}, [[1, 2], [5], [7]], 3), (SERVER, [[1], [2], [5], [7]], 0)],
)
def test_a_process_asks_in_the_batches_of_a_whole_run_and_a_server_one_by_one(
    keys: dict[str, Any], asked: list[list[int]], forgotten: int
) -> None:
    engine, seen = KeepingEngine(), []

    def ask(batch: Sequence[int]) -> list[int]:
        seen.append(list(batch))
        return [10 * place for place in batch]

    parts = list(ask_by_place(engine, ask, [1, 2, 5, 7], EngineSettings(**keys)))
    assert {place: answer for part in parts for place, answer in part.items()} == {1: 10, 2: 20, 5: 50, 7: 70}
    assert sorted(seen) == asked
    assert engine.calls == ["forget"] * forgotten
