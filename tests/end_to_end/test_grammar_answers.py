"""A trained model within a grammar: the same answers in fewer steps, and answers to what it never learned."""

import json
from typing import Any

import pytest

from grounding.answers.forms import CLOSED_EARLY, DUPLICATE, LOOPED, REPEATED
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import spell
from infer.asking.per_category import OTHER_CATEGORY
from infer.asking.verifying import NOT_VERIFIED
from tests.end_to_end.conftest import Demo, run

IMAGES = 24


def answers(demo: Demo, name: str, *words: str) -> list[dict[str, Any]]:
    folder = demo.folder / "checkpoints" / "demo" / name
    recipe = ("recipes/infer/demo.yaml", f"limit={IMAGES}", f"output_dir={folder}", "score=min_prob")
    run("python", "-m", "infer", *recipe, *words, cwd=demo.folder)
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


@pytest.mark.slow  # for the demo; ten seconds of its own
def test_valid_answers_stay_the_same(demo: Demo) -> None:
    free = answers(demo, "free_answers")
    within = answers(demo, "grammar_answers", "grammar=objects", "grammar_labels=categories")
    card = json.loads((demo.folder / "data" / "demo" / "card.json").read_text())
    grammar = AnswerGrammar("objects", tuple(category["name"] for category in card["categories"]))
    valid = [place for place, row in enumerate(free) if grammar.accepts(spell(row["raw"]))]
    assert len(valid) >= 0.9 * IMAGES
    for place in valid:
        one, other = free[place], within[place]
        assert other["raw"] == one["raw"]
        for box, again in zip(one["detections"], other["detections"], strict=True):
            assert again == {**box, "score": pytest.approx(box["score"], abs=2e-4)}


@pytest.mark.slow  # for the demo; ten seconds of its own
def test_answers_to_questions_that_were_never_learned_are_read(demo: Demo) -> None:
    ways = ("per_category=true", "verify=mark", "zoom=tiles", "agree=2", "temperature=1.5")
    rows = answers(demo, "grammar_ways", "grammar=objects", "limit=4", *ways)
    # What is asked and how long it may be is the ways' and the limit's part; reading itself has no problem.
    known = {DUPLICATE, OTHER_CATEGORY, NOT_VERIFIED, REPEATED, LOOPED, CLOSED_EARLY}
    problems = [problem for row in rows for problem in row["problems"]]
    assert problems
    assert [problem for problem in problems if not problem.endswith(tuple(known))] == []
