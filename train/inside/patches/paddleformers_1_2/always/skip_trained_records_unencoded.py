"""Resume a run without encoding again the records that it was trained on.

Upstream: _inner_training_loop (paddleformers/trainer/trainer.py, line 2244) reads all batches of a resumed
    run from the first, encoded with their images, and throws away those before the checkpoint.
Patch: a data loader's worker takes these batches from the data set as lengths (train/lengths/), which decide
    how records are packed, and hands over an empty batch. Images are decoded, as a damaged one drops its
    record, and nothing else is done with them. Other data loaders and data sets read as before.
Remove: when PaddleFormers saves the place in the data set with a checkpoint.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from train.lengths.record_meter import RecordMeter, can_measure


def skip_trained_records_unencoded() -> str:
    """Let data loaders skip what a resumed run was trained on."""
    from paddle.io.dataloader.fetcher import _IterableDatasetFetcher
    from paddleformers.datasets.SFTDataset import IteratorSFTDataset
    from paddleformers.trainer.trainer_callback import CallbackHandler

    begin_training, iterate = CallbackHandler.on_train_begin, IteratorSFTDataset.__iter__
    begin, fetch = _IterableDatasetFetcher.__init__, _IterableDatasetFetcher.fetch

    def on_train_begin(self: Any, args: Any, state: Any, control: Any) -> Any:
        if not args.ignore_data_skip:
            # The trainer counts so, too (line 2126): a data set without a length has one epoch, of all steps.
            batches = state.global_step % state.max_steps * args.gradient_accumulation_steps
            prepare_to_skip(self.train_dataloader, batches)
        return begin_training(self, args, state, control)

    def begin_fetching(self: Any, dataset: Any, *others: Any) -> None:
        self.skipping = _skipping_of(dataset)
        self.left = self.skipping.batches_here() if self.skipping else 0
        begin(self, dataset, *others)

    def fetch_batch(self: Any, indices: Any, *others: Any) -> Any:
        if not self.left:
            return fetch(self, indices, *others)
        self.left -= 1
        return self.skipping.skip_batch(self.dataset_iter, len(indices))

    def iterate_groups(self: Any) -> Iterator[Any]:
        skipping = _skipping_of(self)
        yield from skipping.groups(iterate(self)) if skipping else iterate(self)

    CallbackHandler.on_train_begin = on_train_begin
    _IterableDatasetFetcher.__init__, _IterableDatasetFetcher.fetch = begin_fetching, fetch_batch
    IteratorSFTDataset.__iter__ = iterate_groups
    return "skip_trained_records_unencoded"


class Skipping:
    """Gives a data set's records as lengths while its first `batches` are skipped, and encoded afterwards."""

    def __init__(self, dataset: Any, batches: int) -> None:
        self._encode, self._batches = dataset._current_processor_func, batches
        self._meter = RecordMeter(dataset, {}, Path(), decode=True)
        self._skips = False

    def batches_here(self) -> int:
        """Return how many of the batches this process reads: the workers take turns."""
        from paddle.io import get_worker_info

        worker = get_worker_info()
        if worker is None:
            return self._batches
        return int(-(-(self._batches - worker.id) // worker.num_workers))

    def skip_batch(self, groups: Iterator[Any], size: int) -> Any:
        """Take `size` groups of records, and return a batch without them."""
        import numpy

        self._skips = True
        for _ in range(size):
            next(groups)
        self._skips = False
        return {"skipped": numpy.zeros(1)}

    def __call__(self, example: Any, number: int) -> Any:
        """Return a record's sequence, or its length while it may be skipped; None for one that is dropped."""
        if not self._skips:
            return self._encode(example, number)
        tokens = self._meter.kept_tokens(example)
        return SimpleNamespace(token_ids=range(tokens), example=example, number=number) if tokens else None

    def groups(self, groups: Iterator[Any]) -> Iterator[Any]:
        """Encode what was packed while other packs were skipped, and is not skipped itself."""
        for group in groups:
            if self._skips:
                yield group
            else:
                yield [
                    self._encode(each.example, each.number) if isinstance(each, SimpleNamespace) else each
                    for each in group
                ]


def prepare_to_skip(loader: Any, batches: int) -> None:
    """Let a training's data loader skip its first `batches`, if it is of a kind that can."""
    from paddle.io import DataLoader
    from paddleformers.datasets.SFTDataset import IteratorSFTDataset
    from paddleformers.utils.log import logger

    if not batches or type(loader) is not DataLoader:
        return
    dataset = _inner(loader.dataset)
    if type(dataset) is IteratorSFTDataset and dataset.dataset_num_proc == 1 and can_measure(dataset):
        dataset._current_processor_func = Skipping(dataset, batches)
        logger.info(f"resume: the first {batches:,} batches are skipped without encoding their records")


def _inner(dataset: Any) -> Any:
    """Return the data set of which a process reads a part, or the data set itself."""
    from paddleformers.trainer.trainer_utils import IterableDatasetShard

    return dataset.dataset if isinstance(dataset, IterableDatasetShard) else dataset


def _skipping_of(dataset: Any) -> Skipping | None:
    """Return what skips in a data set, None where nothing is skipped."""
    process = getattr(_inner(dataset), "_current_processor_func", None)
    return process if isinstance(process, Skipping) else None
