"""Which stage differs, by the answers: the only thing that a server shows.

Its count of the prompt's tokens tells template and image size. The probabilities of its first tokens tell
pixels, as some pictures are not resized, and what is in the model.
"""

from collections.abc import Sequence
from typing import Any

from infer.parity.seen import SeenAnswer
from infer.parity.stages import (
    DECODING,
    FIRST_TOKEN,
    IMAGE_SIZE,
    PIXELS,
    TEMPLATE,
    Difference,
    Pair,
    SideBySide,
    parting_place,
)

LOGPROB_TOLERANCE = {"float32": 2e-4, "float16": 0.05, "bfloat16": 0.4}
"""By which log-probabilities may differ, by the type of the engine's own weights: its rounding."""

RESIZED_TOLERANCE = 0.01
"""By which those of pictures that are resized may differ: libraries round a pixel in 300 by a level."""

TIE = 0.02
"""Tokens whose log-probabilities differ by less are a tie, which rounding decides."""

SHARE = 0.01
"""The share of questions that may differ in what is rounded."""

THINK_BLOCK = "<think>\n\n</think>\n\n"


def first_server_difference(compared: SideBySide) -> Difference | None:
    """Return the first stage up to the first token in which a server differs, None if none does."""
    stages = (_token_counts, _thoughts, _server_probabilities)
    return next((found for stage in stages if (found := stage(compared)) is not None), None)


def first_token_difference(compared: SideBySide) -> Difference | None:
    """Compare the first tokens of engines whose inputs are equal."""
    gaps = _first_gaps(compared.pairs)
    wrong = _too_large(gaps, compared)
    if not wrong:
        return None
    dtypes = compared.settings_text("dtype")
    reason = "give both the same dtype" if dtypes else "the weights or the arithmetic differ"
    return Difference(
        FIRST_TOKEN,
        f"the inputs are equal, and {_gaps_text(gaps, wrong)}{dtypes}: {reason}",
    )


def decoding_difference(compared: SideBySide) -> Difference:
    """Say where answers part that begin equal."""
    parted = [pair for pair in compared.pairs if pair.ours.tokens != pair.theirs.tokens]
    if not (listed := [pair for pair in parted if pair.theirs.tokens]):
        return Difference(DECODING, "the answers differ, and the server gives no probabilities to see where")
    own, other = listed[0].ours.tokens, listed[0].theirs.tokens
    place = parting_place(own, other)
    here, there = ("".join(tokens[place : place + 1]) or "the end" for tokens in (own, other))
    return Difference(
        DECODING,
        f"{len(listed)} of {len(compared.pairs)} answers part after an equal start, the first at token "
        f"{place}, {here!r} here and {there!r} there: give both the same length, end tokens and temperature",
    )


def _token_counts(compared: SideBySide) -> Difference | None:
    """Tell a template from an image size: the first adds as many tokens for every picture."""
    counted = [
        (pair.asked, pair.theirs.prompt_tokens - (pair.ours.prompt_tokens or 0))
        for pair in compared.pairs
        if pair.theirs.prompt_tokens is not None
    ]
    more = {count for _, count in counted}
    if more <= {0}:
        return None
    by_size: dict[Any, set[int]] = {}
    for asked, count in counted:
        by_size.setdefault(asked.asked.sizes, set()).add(count)
    if len(more) == 1 or any(len(counts) > 1 for counts in by_size.values()):
        length = len(compared.tokenizer(THINK_BLOCK, add_special_tokens=False)["input_ids"])
        block = ", as many as an empty think block has" if more == {length} else ""
        return Difference(
            TEMPLATE,
            f"the server counts {min(more):+} to {max(more):+} tokens in a prompt{block}: give it the "
            "checkpoint's chat template",
        )
    wrong = [(asked.size, count) for asked, count in counted if count]
    size, count = wrong[0]
    return Difference(
        IMAGE_SIZE,
        f"the server counts other image tokens for {len(wrong)} of {len(counted)} pictures, {count:+} for "
        f"one of {size.width}x{size.height} pixels: give it the checkpoint's max_pixels and min_pixels "
        "(preprocessor_config.json)",
    )


def _thoughts(compared: SideBySide) -> Difference | None:
    thinking = [each for each in compared.pairs if _is_thinking(each.theirs) and not _is_thinking(each.ours)]
    if not thinking:
        return None
    return Difference(
        TEMPLATE,
        f"{len(thinking)} of {len(compared.pairs)} answers of the server have a think block: give it the "
        "checkpoint's chat template, or turn its thoughts off",
    )


def _is_thinking(answer: SeenAnswer) -> bool:
    return "<think>" in answer.text or "</think>" in answer.text or "thought" in (answer.problem or "")


def _server_probabilities(compared: SideBySide) -> Difference | None:
    """Tell the filter of the resize, which only pictures that are resized see, from what is in the model."""
    gaps = _first_gaps(compared.pairs)
    wrong = _too_large(gaps, compared)
    if not wrong:
        return None
    if all(is_resized for _, is_resized in wrong) and not all(is_resized for _, is_resized in gaps):
        return Difference(
            PIXELS,
            f"{_gaps_text(gaps, wrong)}, only of pictures that are resized: give the server the checkpoint's "
            "filter of the resize (resample in preprocessor_config.json)",
        )
    return Difference(
        FIRST_TOKEN,
        f"{_gaps_text(gaps, wrong)}, of pictures that are not resized, too, and the prompts have the same "
        "number of tokens: give the server the same dtype (float16 and bfloat16 round), weights and template",
    )


def parts_at_a_tie(pair: Pair) -> bool:
    """Tell whether two answers part where both engines' tokens are as likely."""
    place = parting_place(pair.ours.tokens, pair.theirs.tokens)
    here, there = pair.ours.logprobs[place : place + 1], pair.theirs.logprobs[place : place + 1]
    return bool(here and there) and abs(here[0] - there[0]) < TIE


def _first_gaps(pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """Return the gap of each pair that has one, and whether its picture is resized."""
    return [(gap, pair.is_resized) for pair in pairs if (gap := first_gap(pair)) is not None]


def first_gap(pair: Pair) -> float | None:
    """Return by how much the log-probabilities of the first tokens differ.

    It is infinite where the tokens differ, and None where an engine gives no tokens or none is written.
    """
    own, other = pair.ours, pair.theirs
    if (not own.tokens and not other.tokens) or (other.text and not other.tokens):
        return None
    if own.tokens[:1] != other.tokens[:1]:
        return float("inf")
    return abs(own.logprobs[0] - other.logprobs[0])


def _too_large(gaps: Sequence[tuple[float, bool]], compared: SideBySide) -> list[tuple[float, bool]]:
    """Return the gaps above the tolerance, [] where they are few."""
    tolerance = LOGPROB_TOLERANCE.get(str(compared.ours.settings.get("dtype")), LOGPROB_TOLERANCE["float32"])
    limits = (tolerance, max(tolerance, RESIZED_TOLERANCE))
    wrong = [(gap, is_resized) for gap, is_resized in gaps if not gap <= limits[is_resized]]
    return wrong if len(wrong) > SHARE * len(gaps) else []


def _gaps_text(gaps: Sequence[tuple[float, bool]], wrong: Sequence[tuple[float, bool]]) -> str:
    tokens = [gap for gap, _ in wrong if gap == float("inf")]
    most = max((gap for gap, _ in wrong if gap < float("inf")), default=0.0)
    others = f", {len(tokens)} are other tokens" if tokens else ""
    said = f"the log-probabilities of {len(wrong)} of {len(gaps)} first tokens differ"
    return f"{said}, by up to {most:.2g}{others}"
