import json
from pathlib import Path

import pytest

from infer.scoring.words.bleu_counts import bleu_counts, bleu_score

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


def test_the_sums_give_sacrebleus_score_of_the_corpus() -> None:
    sample = REFERENCE["sample"]
    counts = bleu_counts([item["given"] for item in sample], [item["phrases"] for item in sample], "13a")
    assert bleu_score(counts.sum(axis=0)) == pytest.approx(REFERENCE["bleu_13a"]["all"], abs=1e-9)


def test_chinese_is_counted_by_characters() -> None:
    words = bleu_counts(["红色的狗在左边"], [["红色的狗在右边"]], "zh")[0]
    assert words.tolist()[:2] == [6, 4]
    assert words.tolist()[4:6] == [7, 6]
    assert bleu_counts(["红色的狗在左边"], [["红色的狗在右边"]], "13a")[0].tolist()[4] == 1


def test_equal_texts_have_100_and_empty_ones_0() -> None:
    same = bleu_counts(["the RED dog sits"], [["no", "The red dog sits"]], "13a")
    assert bleu_score(same.sum(axis=0)) == pytest.approx(100)
    assert bleu_score(bleu_counts(["", ""], [["a dog"], ["a cat"]], "13a").sum(axis=0)) == 0
    assert bleu_score(bleu_counts([], [], "13a").sum(axis=0)) == 0
