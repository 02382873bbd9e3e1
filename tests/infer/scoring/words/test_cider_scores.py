import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from infer.scoring.words.cider_scores import cider_scores

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))


def grams_of(text: str, length: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def plain_cider(given: str, truth: str, documents: list[str]) -> float:
    """CIDEr-D of a text and its only true text, written out from the paper; a document for each region."""
    found = []
    apart = len(given.split()) - len(truth.split())
    for length in range(1, 5):
        known = [grams_of(text, length) for text in documents]
        weights = [
            {
                gram: count * math.log(len(documents) / max(1, sum(gram in one for one in known)))
                for gram, count in grams_of(text, length).items()
            }
            for text in (given, truth)
        ]
        norms = [math.sqrt(sum(value**2 for value in row.values())) for row in weights]
        mine, true = weights
        product = sum(min(value, true.get(gram, 0)) * true.get(gram, 0) for gram, value in mine.items())
        found.append(product / (norms[0] * norms[1]) * math.exp(-(apart**2) / 72) if all(norms) else 0.0)
    return 10 * sum(found) / 4


def test_scores_follow_the_paper() -> None:
    truths = ["a red dog on the left side", "a white cat on the mat", "two men and a dog"]
    given = ["a red dog on the left", "a cat on a white mat there", "two men"]
    expected = [plain_cider(text, truth, truths) for text, truth in zip(given, truths, strict=True)]
    assert cider_scores(given, [[truth] for truth in truths]) == pytest.approx(expected)
    assert min(expected) > 0.1


def test_the_sample_has_the_stored_scores_of_coco_caption() -> None:
    from infer.scoring.words.ptb_tokens import ptb_tokens

    sample = REFERENCE["sample"]
    given = [" ".join(ptb_tokens(item["given"])) for item in sample]
    truths = [[" ".join(ptb_tokens(text)) for text in item["phrases"]] for item in sample]
    scores = cider_scores(given, truths)
    assert scores == pytest.approx(REFERENCE["cider"]["each"], abs=1e-9)
    assert scores.mean() == pytest.approx(REFERENCE["cider"]["all"], abs=1e-9)


def test_words_of_every_region_and_empty_texts_count_nothing() -> None:
    assert np.array_equal(cider_scores(["a dog", "a dog"], [["a dog"], ["a dog"]]), [0, 0])
    assert np.array_equal(cider_scores(["", ""], [["a dog"], ["a cat"]]), [0, 0])
