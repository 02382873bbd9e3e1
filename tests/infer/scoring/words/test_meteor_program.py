import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from infer.scoring.words import meteor_program
from infer.scoring.words.meteor_program import NoMeteorError, meteor_score, meteor_statistics
from infer.scoring.words.ptb_tokens import ptb_tokens

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))

PAIRS = ((("a red dog on the left",), "a crimson hound on left"),)


@pytest.mark.skipif(shutil.which("java") is None, reason="METEOR's own program needs Java")
def test_the_sample_has_the_stored_scores_of_the_program() -> None:
    sample = REFERENCE["sample"]
    pairs = tuple(
        (tuple(" ".join(ptb_tokens(text)) for text in item["phrases"]), " ".join(ptb_tokens(item["given"])))
        for item in sample
    )
    meteor_statistics.cache_clear()
    found = meteor_statistics(pairs)
    assert meteor_score(found) == pytest.approx(REFERENCE["meteor"]["each"], abs=1e-9)
    assert meteor_score(found.sum(axis=0)) == pytest.approx(REFERENCE["meteor"]["all"], abs=1e-9)


def test_the_score_is_made_of_the_programs_numbers(fake_java: Path) -> None:
    found = meteor_statistics(PAIRS)
    assert found.shape == (1, 23)
    assert meteor_score(found) == pytest.approx([0.41388921016683433])
    assert meteor_score(np.zeros((2, 23))).tolist() == [0, 0]


def test_a_text_that_is_the_truth_adds_no_chunk(fake_java: Path) -> None:
    fake_java.write_text("2 2 1 1 1 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 1 2 2\n")
    found = meteor_statistics(PAIRS)
    assert found[0, 20] == 0
    assert meteor_score(found) == pytest.approx([1.0])


@pytest.mark.parametrize(("says", "message"), [("1 2 3\n", "1 2 3"), ("Error: no memory\n", "no memory")])
def test_other_answers_of_the_program_are_named(fake_java: Path, says: str, message: str) -> None:
    fake_java.write_text(says)
    with pytest.raises(NoMeteorError, match=message):
        meteor_statistics(PAIRS)


def test_a_program_that_ends_is_named(fake_java: Path) -> None:
    java = fake_java.parent / "bin" / "java"
    java.write_text("#!/bin/sh\necho out of memory >&2\nexit 1\n")
    with pytest.raises(NoMeteorError, match="out of memory"):
        meteor_statistics(PAIRS * 3)


def test_a_program_that_hangs_is_ended(fake_java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake_java.parent / "bin" / "java").write_text("#!/bin/sh\nexec sleep 600\n")
    monkeypatch.setattr(meteor_program, "_LONGEST_WAIT", 0.2)
    with pytest.raises(NoMeteorError, match="said nothing"):
        meteor_statistics(PAIRS)


@pytest.mark.usefixtures("no_java")
def test_without_java_one_line_says_so() -> None:
    with pytest.raises(NoMeteorError, match="METEOR needs Java: install a Java runtime"):
        meteor_statistics(PAIRS)
