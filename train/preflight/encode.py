"""Encode records as a training run does: with its data set, tokenizer, template and image processor."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from train.cached.cached_datasets import reading_from_cache
from train.keys import CACHE_KEY, quiet_imports
from train.preflight.learned_text import NOT_LABELLED, unread_answers
from train.preflight.objective_keys.coordinate_share import count_coordinate_digits
from train.preflight.objective_keys.joint_head_share import count_taught_boxes
from train.preflight.run_data import is_sampled, training_dataset
from train.recipe import TrainRecipe

NO_LIMIT = 2**31

TOO_LONG = "longer than max_seq_len"
NOTHING_TO_LEARN = "no token to learn"

PREPARE_AGAIN = "prepare the data set again"
CUT = "it is cut at max_seq_len: write more, or truncation_strategy: delete"
"""What to do about a record whose learned text does not read back."""
UNMARKED = "the tokens where its pictures begin are cut off, and with them the places of their parts"


@dataclass(frozen=True)
class Encoding:
    """The first records of a training run, in the run's order, as token ids.

    `total` is the number of records of the whole data set, `lengths` are the encoded records' lengths in
    tokens before any limit, and `learned` is the number of tokens with loss. `packs` are the token ids of
    the kept sequences, as the run groups them; without packing each group is one sequence. `dropped` counts
    by reason the records that the run drops silently. `faults` names each of them that is not just too long.
    `unread` names each kept record whose learned text does not read back as the record's objects, or that
    has lost the marks of its pictures. `pictures` is the most that a record has, and `image_tokens` the most
    tokens of a record that stand for its pictures.
    `coordinates` is the number of tokens with loss that are digits of boxes, None if the run spreads none,
    and `boxes` that of the boxes that a head learns from, None if the run trains none.
    """

    total: int
    lengths: tuple[int, ...]
    learned: int
    dropped: Counter[str]
    faults: tuple[str, ...]
    packs: tuple[tuple[tuple[int, ...], ...], ...]
    unread: tuple[str, ...] = ()
    coordinates: int | None = None
    boxes: int | None = None
    pictures: int = 0
    image_tokens: int = 0

    @property
    def count(self) -> int:
        """The number of records, encoded or faulty."""
        return len(self.lengths) + len(self.faults)

    @property
    def kept(self) -> int:
        """The number of records that the run would train on."""
        return sum(len(pack) for pack in self.packs)

    @property
    def tokens(self) -> int:
        """The number of tokens of the kept records."""
        return sum(len(ids) for pack in self.packs for ids in pack)


def encode_sample(recipe: TrainRecipe, count: int) -> Encoding:
    """Encode the first `count` records of the run's first epoch, or read them from its cache."""
    with reading_from_cache(recipe.values.get(CACHE_KEY)):
        return _encode_sample(recipe, count)


def _encode_sample(recipe: TrainRecipe, count: int) -> Encoding:
    with quiet_encoding():
        dataset = training_dataset(recipe, count)
        examples = list(islice(iter(dataset.mix_datasets), count))
    limit = dataset.max_seq_len
    lengths: list[int] = []
    dropped: Counter[str] = Counter()
    faults: list[str] = []
    unread: list[str] = []
    kept: list[Any] = []
    for example in tqdm(examples, desc="encoding", unit="record", delay=2, disable=None):
        with quiet_encoding():
            length, sequence, reason = _encode_within(dataset, example, limit)
        if length is not None:
            lengths.append(length)
        if sequence is not None:
            sequence.mm_inputs = {}  # frees the pixels
            kept.append(sequence)
            is_whole = length == len(sequence.token_ids)
            unread += _kept_wrongly(dataset, example, sequence, PREPARE_AGAIN if is_whole else CUT)
            continue
        dropped[reason] += 1
        if reason != TOO_LONG:
            faults.append(f"record with {name_of_image(example)}: {reason}")
    dataset.max_seq_len = limit
    return Encoding(
        total=recipe.number("num_samples_each_epoch") if is_sampled(recipe) else len(dataset.mix_datasets),
        lengths=tuple(lengths),
        learned=sum(label != NOT_LABELLED for sequence in kept for label in sequence.labels),
        dropped=dropped,
        faults=tuple(faults),
        packs=_grouped(dataset, kept),
        unread=tuple(unread),
        coordinates=count_coordinate_digits(recipe, dataset.tokenizer, [each.labels for each in kept]),
        boxes=count_taught_boxes(recipe, dataset.tokenizer, [each.labels for each in kept]),
        pictures=max((len(example.get("images") or ()) for example in examples), default=0),
        image_tokens=max((_count(dataset, sequence, "image_token") for sequence in kept), default=0),
    )


def _kept_wrongly(dataset: Any, example: dict[str, Any], sequence: Any, mend: str) -> Iterator[str]:
    """Yield what is wrong with a record that the run keeps: its learned text, or the marks of its pictures.

    Cut on the left, a record keeps the tokens of its pictures and loses those before them, by which the model
    counts pictures: their tokens would get the places of text.
    """
    record = f"record with {name_of_image(example)}"
    for problem in unread_answers(dataset.tokenizer, example, sequence.labels):
        yield f"{record}: the text that is learned: {problem}: {mend}"
    if _count(dataset, sequence, "vision_bos_token") < len(example.get("images") or ()):
        yield f"{record}: {UNMARKED}: {mend}"


def _count(dataset: Any, sequence: Any, name: str) -> int:
    """Return how often a token of the template's plug-in for pictures is in an encoded record."""
    token = getattr(dataset.template.mm_plugin, name)
    return int(sequence.token_ids.count(dataset.tokenizer.convert_tokens_to_ids(token)))


def _encode_within(dataset: Any, example: dict[str, Any], limit: int) -> tuple[int | None, Any, str]:
    """Encode a record; return its length without the limit, the sequence that the run keeps, or why not."""
    dataset.max_seq_len = NO_LIMIT
    sequence, fault = encode_record(dataset, example)
    if sequence is None:
        return None, None, fault
    length = len(sequence.token_ids)
    if length > limit - dataset.num_reserved_tokens_for_each_dialog:
        dataset.max_seq_len = limit
        sequence, _ = encode_record(dataset, example)
    return length, sequence, TOO_LONG


def encode_record(dataset: Any, example: dict[str, Any]) -> tuple[Any, str]:
    """Encode a record; if the run would drop it, return None and the reason.

    PaddleFormers drops a record on any exception. The example is copied, because the data set replaces the
    placeholders in it.
    """
    try:
        return dataset._process_sft_sequence(deepcopy(example), 1), NOTHING_TO_LEARN
    except Exception as error:  # noqa: BLE001 (as PaddleFormers does)
        return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _grouped(dataset: Any, sequences: list[Any]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Group encoded records by the data set's own packing."""
    if not sequences:
        return ()
    dataset.mix_datasets = list(range(len(sequences)))
    dataset._current_processor_func = lambda number, _: sequences[number]
    with quiet_encoding():
        packs = list(dataset._generate_sequences())
    if not dataset.packing:
        packs = packs[: len(sequences)]  # it yields the last record twice
    return tuple(tuple(tuple(sequence.token_ids) for sequence in pack) for pack in packs)


def name_of_image(example: dict[str, Any]) -> str:
    """Return the names of a record's images, for messages."""
    names = [Path(str(image)).name for image in example.get("images") or ()]
    return f"image{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else "no image"


@contextmanager
def quiet_encoding() -> Iterator[None]:
    """Suppress PaddleFormers' log and prints, and keep its tensors off the GPU that the run needs."""
    with quiet_imports():
        import paddle
        from paddleformers.utils.log import logger

        paddle.set_device("cpu")
        level = logger.logger.level
        logger.logger.setLevel("CRITICAL")
        try:
            yield
        finally:
            logger.logger.setLevel(level)
