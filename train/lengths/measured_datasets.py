"""Let a data set of PaddleFormers count its packs by the lengths of its records alone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from grounding.errors import UserError
from grounding.layout import TOKEN_LENGTHS_FILE
from train.cached.cached_datasets import is_cached
from train.lengths.length_file import Lengths, read_lengths, settings_key, write_lengths
from train.lengths.record_meter import RecordMeter, can_measure

QUIET_SECONDS, BETWEEN_SECONDS = 2.0, 1.0
"""Progress is logged after the first seconds, and then at most once in so many seconds."""


@contextmanager
def measured_records(dataset: Any, files: Sequence[Path]) -> Iterator[None]:
    """Let a data set give records of the right lengths, with no tokens and no images, in the block.

    The lengths are kept beside the first of the data set's `files` for the next start. A data set that
    cannot be measured encodes its records itself.
    """
    if not can_measure(dataset):
        _say("not measured, the data set encodes its records")
        yield
        return
    kept = files[0].parent / TOKEN_LENGTHS_FILE
    names = ",".join(file.name for file in files)
    settings = None if is_cached(dataset) else settings_key(dataset, names)  # a cache has its own lengths
    known = _read(kept, settings)
    started = time.monotonic()
    meter = RecordMeter(dataset, known, kept.parent)
    own = dataset._current_processor_func, dataset.dataset_num_proc
    dataset._current_processor_func = _Measuring(meter, len(dataset.mix_datasets))
    dataset.dataset_num_proc = 1  # the data set's processes would decode the images
    try:
        yield
    finally:
        dataset._current_processor_func, dataset.dataset_num_proc = own
    seconds = time.monotonic() - started
    if is_cached(dataset):
        _say(f"read from the cache in {seconds:.1f} s")
        return
    new = len(meter.found.keys() - known.keys())
    _say(
        f"{len(meter.found):,} different records without decoding an image, {new:,} of them new, "
        f"in {seconds:.1f} s"
    )
    if settings and meter.found != known:
        _write(kept, settings, meter.found)


class _Measuring:
    """Stands in for a data set's own processing of a record."""

    def __init__(self, meter: RecordMeter, total: int) -> None:
        self._meter, self._total = meter, total
        self._count, self._next = 0, time.monotonic() + QUIET_SECONDS

    def __call__(self, example: Mapping[str, Any], number: int) -> Any:
        """Return what has the length of the record's sequence, None for a record that the run drops."""
        self._count += 1
        if time.monotonic() >= self._next:
            _say(f"{min(self._count, self._total):,} of {self._total:,} records")
            self._next = time.monotonic() + BETWEEN_SECONDS
        tokens = self._meter.kept_tokens(example)
        return SimpleNamespace(token_ids=range(tokens), num_examples=number) if tokens else None


def _read(file: Path, settings: str | None) -> Lengths:
    try:
        return read_lengths(file, settings) if settings else {}
    except UserError as error:
        _say(f"measured anew: {error}")
        return {}


def _write(file: Path, settings: str, lengths: Lengths) -> None:
    try:
        write_lengths(file, settings, lengths)
    except UserError as error:
        _say(f"not kept for the next start: {error}")


def _say(text: str) -> None:
    from paddleformers.utils.log import logger

    logger.info(f"token lengths: {text}")
