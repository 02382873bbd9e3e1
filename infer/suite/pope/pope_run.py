"""POPE's questions about one file: asked, resumed after an interruption, and scored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from grounding.boxes import Size
from grounding.files import write_json
from grounding.layout import SCORES_FILE
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import SYSTEM_PROMPT
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.words.asking_for_words import ask_for_words
from infer.engines.protocol import Request
from infer.recipe import SAME_ANSWERS, InferRecipe
from infer.runs.fingerprints import fingerprint_run
from infer.runs.predict import EngineOpener
from infer.runs.question_batches import ask_by_place
from infer.runs.resumed_answers import resumed_rows
from infer.scoring.metrics.metric import MeasuredRatios
from infer.scoring.metrics.presence import pope_ratios
from infer.scoring.resampling.bootstrap import draw_images, interval
from infer.suite.member_scores import MemberScores, seed_of
from infer.suite.pope.published_reading import reads_as_yes, says_neither
from infer.suite.pope.question_file import PopeQuestion, read_pope

ANSWERS_FILE = "answers.jsonl"
"""The rows of the answers, in the order of the questions."""


def measure_pope(
    recipe: InferRecipe,
    questions_file: Path,
    images: Path,
    metrics: Sequence[str],
    draws: int,
    open_engine: EngineOpener,
) -> MemberScores:
    """Ask the questions of a file that have no answer yet, and score all as published.

    A question is asked as it is written, after the system prompt of training. Images are drawn for the
    intervals, with all questions about them. Answers that say neither yes nor no, and answers that are none,
    are counted in the notes.

    Raises:
        UserError: something is wrong with the questions, the checkpoint, the server or the output folder.
    """
    known = read_pope(questions_file, images, recipe.limit)
    rows = _ask(recipe, known, open_engine)
    answers = [str(row["answer"]) for row in rows]
    says_yes = [reads_as_yes(answer) for answer in answers]
    ratios = pope_ratios([True] * len(known), [item.is_yes for item in known], says_yes)
    measured = MeasuredRatios(ratios, {"pope_questions": len(known)})
    pictures = [item.image for item in known]
    # In the order of their names: files that ask in another order about the same pictures are drawn alike.
    order = np.argsort(pictures, kind="stable")
    drawn = {}
    if draws:
        weights = draw_images([pictures[place] for place in order], draws, seed_of(pictures))
        drawn = dict(measured.resample(weights[:, np.argsort(order)]).values)
    intervals = {key: bounds for key, values in drawn.items() if (bounds := interval(values)) is not None}
    values = measured.values
    problems = sum(bool(row["problems"]) for row in rows)
    counts = {"unclear": sum(map(says_neither, answers)), "problems": problems}
    write_json(recipe.output_path / SCORES_FILE, {**values, "intervals": intervals, **counts})
    return MemberScores(
        len(known),
        {key: values.get(key) for key in metrics},
        {key: intervals[key] for key in metrics if key in intervals},
        {key: drawn[key] for key in metrics if key in drawn},
        tuple(_notes(counts)),
    )


def _notes(counts: Mapping[str, int]) -> Iterator[str]:
    if counts["unclear"]:
        yield f"{counts['unclear']} answers say neither yes nor no: they count as yes, as published"
    if counts["problems"]:
        yield f"{counts['problems']} answers were empty, cut off or refused: they are read as they are"


def _ask(
    recipe: InferRecipe, known: Sequence[PopeQuestion], open_engine: EngineOpener
) -> list[dict[str, Any]]:
    requests = [Request((item.file,), SYSTEM_PROMPT, f"{IMAGE_PLACEHOLDER}{item.text}") for item in known]
    questions = [
        Question.of_one(item.question_id, item.image, Size(0, 0), request)
        for item, request in zip(known, requests, strict=True)
    ]
    identity = {"keys": asked_keys(recipe), **fingerprint_run(recipe.resolve_checkpoint(), questions)}

    def ask(left: Sequence[int]) -> Iterator[Mapping[int, dict[str, Any]]]:
        engine = open_engine(recipe)

        def answer(places: Sequence[int]) -> list[ParsedAnswer]:
            batch = [requests[place] for place in places]
            return ask_for_words(engine, batch, recipe.batch_size, thinks=recipe.thinks)

        for found in ask_by_place(engine, answer, left, recipe):
            yield {
                place: {
                    "question_id": known[place].question_id,
                    "image": known[place].image,
                    "text": known[place].text,
                    "answer": given.raw,
                    "problems": list(given.problems),
                }
                for place, given in found.items()
            }

    path = recipe.output_path / ANSWERS_FILE
    return resumed_rows(path, identity, len(known), ask, "question", overwrite=recipe.overwrite)


def asked_keys(recipe: InferRecipe) -> dict[str, Any]:
    """Return the keys that change the answers; the questions are told by their fingerprint."""
    return {key: value for key, value in asdict(recipe).items() if key not in SAME_ANSWERS}
