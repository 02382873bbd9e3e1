"""Encode pairs as a training run does: with its data set, tokenizer, template and image processor."""

from collections import Counter
from copy import deepcopy
from functools import cache
from itertools import islice
from typing import Any

from tqdm import tqdm

from train.inside.patches.paddleformers_1_2.preferences.read_pairs_as_records import read_pairs_as_records
from train.preflight.encode import NO_LIMIT, PREPARE_AGAIN, TOO_LONG, Encoding, name_of_image, quiet_encoding
from train.preflight.learned_text import unread_answers
from train.preflight.pair_data.pair_rows import chosen_and_rejected, with_answer
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe


def encode_pairs(recipe: TrainRecipe, count: int) -> Encoding:
    """Encode the first `count` pairs of the run's first epoch; a length is that of both answers together."""
    with quiet_encoding():
        _patch_once()
        dataset = training_dataset(recipe, count)
        examples = list(islice(iter(dataset.mix_datasets), count))
    limit, dataset.max_seq_len = dataset.max_seq_len, NO_LIMIT
    lengths, faults, unread, learned = [], [], [], 0
    dropped: Counter[str] = Counter()
    packs: list[tuple[tuple[int, ...], ...]] = []
    for example in tqdm(examples, desc="encoding", unit="pair", delay=2, disable=None):
        with quiet_encoding():
            sequence, fault = _encode(dataset, example)
        if sequence is None:
            dropped[fault] += 1
            faults.append(f"pair with {name_of_image(example)}: {fault}")
            continue
        lengths.append(len(sequence.token_ids) + 1)  # the data set counts the copied token, too
        if lengths[-1] > limit:
            dropped[TOO_LONG] += 1
            continue
        start, middle, end = sequence.response_index
        learned += end - start
        packs.append((tuple(sequence.token_ids),))
        for problem in _unread(dataset, example, sequence.response_labels[start:middle]):
            unread.append(
                f"pair with {name_of_image(example)}: the chosen answer: {problem}: {PREPARE_AGAIN}"
            )
    total = len(dataset.mix_datasets)
    return Encoding(total, tuple(lengths), learned, dropped, tuple(faults), tuple(packs), tuple(unread))


@cache
def _patch_once() -> None:
    read_pairs_as_records()


def _encode(dataset: Any, example: dict[str, Any]) -> tuple[Any, str]:
    """Encode a pair; if the run would drop it, return None and the reason: it drops one on any exception."""
    try:
        return dataset._postprocess_sequence(deepcopy(example)), "no token to learn"
    except Exception as error:  # noqa: BLE001 (as PaddleFormers does)
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _unread(dataset: Any, example: dict[str, Any], labels: list[int]) -> list[str]:
    chosen, rejected = chosen_and_rejected(example)
    record = with_answer(example, chosen, rejected)
    earlier = sum(message["role"] == "assistant" for message in example["messages"])
    return list(unread_answers(dataset.tokenizer, {**record, "label": [0] * earlier + [1]}, labels))
