"""Pairs and best answers of a data set with candidates keep to the form of its own answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.card import load_card
from grounding.record.checker import check_record
from grounding.record.contract import contract_of
from grounding.record.conversation import parse_record
from grounding.record.flaws import BAD_CANDIDATES
from infer.pairs.pair_making import make_pairs
from infer.pairs.pair_settings import PairSettings
from tests.infer.pairs.answering import ListEngine
from tests.infer.pairs.prepared_pictures import prepare_pictures
from train.preflight.pair_data.pair_rows import check_pair

TRUTH, WRONG = "cat(100,100),(500,500)", "dog(600,600),(900,900)"
"""The one object of every picture of `drawn_source` at (4, 2, 20, 10) of 40 x 20 pixels, and none."""

BOXES = ([4, 2, 16, 8], [4, 2, 16, 7.8], [7, 2, 16, 8], [30, 12, 8, 8])
"""Of a detector, in turn: right, good enough, to be corrected, and far away, so that the answer's is new."""

FORMS = {
    "objects": (
        "#1",
        "#1",
        "#1<|box_start|>(100,100),(500,500)<|box_end|>",
        "<|object_ref_end|><|box_start|>",
    ),
    "json": (
        '[{"candidate": 1, "l',
        '[{"candidate": 1, "l',
        '[{"candidate": 1, "bbox_2d": [1',
        '[{"bbox_2d": [1',
    ),
}


@pytest.fixture(params=["objects", "json"])
def listed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    rows = [
        {"image_id": number, "category_id": 1, "bbox": BOXES[number % 4], "score": 0.5}
        for number in range(1, 13)
    ]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    candidates = CandidateQuestions(
        str(tmp_path / "results.json"), without=0, jitter=0, falsified=0, dropped=0, good=0.8
    )
    return prepare_pictures(tmp_path, answer_format=request.param, candidates=candidates)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()]


def made(
    checkpoint: Path, dataset: Path, folder: Path, texts: list[str], **keys: Any
) -> list[dict[str, Any]]:
    settings = PairSettings(output_dir=str(folder), answers=len(texts), val_share=0.0, **keys)
    make_pairs(str(checkpoint), dataset, settings, lambda _: ListEngine(texts))
    return rows_of(folder)


def test_best_answers_are_what_preparing_would_write(checkpoint: Path, listed: Path, tmp_path: Path) -> None:
    records, contract = rows_of(listed), contract_of(load_card(listed))
    texts = {row["images"][0]: parse_record(row).answers[0] for row in records}
    forms = FORMS[load_card(listed).answer_format]
    assert all(forms[int(Path(name).stem) % 4] in text for name, text in texts.items())
    best = made(checkpoint, listed, tmp_path / "best", [TRUTH, WRONG], keep="best", good=0.9)
    assert best == records
    assert [list(check_record(row, contract)) for row in best] == [[]] * len(records)
    own = made(
        checkpoint, listed, tmp_path / "own", [WRONG], keep="best", good=0.7
    )  # the records' own answers
    assert own == records


def test_pairs_list_the_candidates_that_their_answers_name(
    checkpoint: Path, listed: Path, tmp_path: Path
) -> None:
    records, contract = rows_of(listed), contract_of(load_card(listed))
    pairs = made(checkpoint, listed, tmp_path / "pairs", [WRONG, WRONG], good=0.7)
    chosen = [row["chosen_response"][0]["content"] for row in pairs]
    assert chosen == [parse_record(row).answers[0] for row in records]
    assert [row["candidates"] for row in pairs] == [row["candidates"] for row in records]
    assert [list(check_pair(row, contract)) for row in pairs] == [[]] * len(records)
    spoiled = {**pairs[0], "candidates": {"ask": "", "boxes": []}}
    assert [flaw.kind for flaw in check_pair(spoiled, contract)] == [BAD_CANDIDATES]
