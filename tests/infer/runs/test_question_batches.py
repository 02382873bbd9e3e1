"""Batches of questions, whose answers do not depend on the batch before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infer.asking.dataset_questions import read_questions
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.question_batches import ask_questions


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
