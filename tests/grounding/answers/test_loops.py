"""Loops at the end of a growing text: found soon, wherever the text is cut, and nowhere else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.loops import LENGTHS, LOOP_CHARACTERS, LOOP_TIMES, LoopWatch, loop_start


def follow(text: str, watch: LoopWatch, step: int = 7) -> tuple[int, int] | None:
    """Return the period of the first loop that is found, and the characters that were read until then."""
    for start in range(0, len(text), step):
        if (period := watch.add(text[start : start + step])) is not None:
            return period, start + step
    return None


def smallest_period(text: str) -> int:
    return next(size for size in range(1, len(text) + 1) if text[size:] == text[: len(text) - size])


@pytest.mark.parametrize(
    "piece", ["9", "dog ", "\n", "<|object_ref_start|>", "红色的", "aab", "a" * 40 + "b"]
)
@pytest.mark.parametrize("before", ["", "cat(1,2),(3,4), ", "x" * 30])
def test_a_loop_is_found_soon_and_its_start_is_known(piece: str, before: str) -> None:
    text = before + piece * 200
    found = follow(text, LoopWatch())
    assert found is not None
    period, read = found
    assert period == len(piece)
    needed = max(LOOP_TIMES * len(piece), LOOP_CHARACTERS)
    assert needed <= read <= len(before) + 2 * needed + LENGTHS[0]
    start = loop_start(text[:read], period)
    assert start <= len(before)
    assert smallest_period(text[start:read]) == period
    assert start == 0 or smallest_period(text[start - 1 : read]) > period


@given(st.integers(0, 2**32), st.integers(1, LENGTHS[-1]), st.sampled_from(["ab", "0123456789abcdef"]))
def test_loops_of_any_piece_are_found(seed: int, size: int, letters: str) -> None:
    source = random.Random(seed)
    piece = "".join(source.choices(letters, k=size))
    times = 2 + max(LOOP_TIMES * size, LOOP_CHARACTERS, 2 * LENGTHS[-1]) // size
    found = follow(piece * times * 2, LoopWatch())
    assert found is not None
    assert found[0] == smallest_period(piece * 3)


@given(st.text(st.sampled_from("ab"), max_size=600), st.integers(1, 15))
def test_what_is_found_is_a_loop(text: str, step: int) -> None:
    found = follow(text, LoopWatch(), step)
    if found is not None:
        period, read = found
        end = text[:read]
        run = len(end) - loop_start(end, period)
        assert run >= max(LOOP_TIMES * period, LOOP_CHARACTERS)


@pytest.mark.parametrize(
    "text", ["-" * (LOOP_CHARACTERS - 1), "a red dog, " * 9, "x" * 100 + "y" + "x" * 100]
)
def test_short_runs_are_no_loops(text: str) -> None:
    assert follow(text, LoopWatch(), 1) is None


def test_the_work_is_linear() -> None:
    source = random.Random(1)
    shares = []
    for count in (20_000, 80_000):
        watch = LoopWatch()
        assert follow("".join(source.choices("ab", k=count)), watch, 3) is None
        assert len(watch.tail) <= 2 * LOOP_TIMES * LENGTHS[-1]
        shares.append(watch.work / count)
    assert shares[1] <= 1.1 * shares[0] < 50
