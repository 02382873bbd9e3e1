"""How many tokens a run keeps of a record, found by PaddleFormers' own data set without decoding an image."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from train.cached.cached_datasets import cached_tokens
from train.lengths.image_outlines import count_image_tokens, read_outline
from train.lengths.length_file import MOST_TOKENS, Lengths, record_key

Example = Mapping[str, Any]


class RecordMeter:
    """Measures the records of a data set of PaddleFormers for images.

    `known` are lengths that were kept earlier, and `found` those of all records that were measured or known,
    by their keys. `folder` is what images' names are relative to. With `decode`, a damaged image raises what
    it raises in training. A record's text goes through the data set
    itself, with one token for each image; the others are added. A tokenizer takes longer for a thousand
    image tokens than for all the text. A record of a cache has its length there (train/cached/).
    """

    def __init__(self, dataset: Any, known: Lengths, folder: Path, *, decode: bool = False) -> None:
        self._dataset = dataset
        self._plugin = dataset.template.mm_plugin
        self._encode = dataset._process_sft_sequence
        self._known, self._folder, self._decode = known, folder, decode
        self._image_tokens: list[int] = []
        self._shortened = False
        self._may_shorten = _is_one_token(dataset.tokenizer, self._plugin)
        self.found: Lengths = {}

    def kept_tokens(self, example: Example) -> int:
        """Return how many tokens the run keeps of a record; 0 if it drops it.

        Raises:
            Exception: the run drops the record by the same exception, as its image is missing.
        """
        cached = cached_tokens(example, self._dataset.max_seq_len, decode=self._decode)
        if cached is not None:
            return cached
        if example.get("videos") or example.get("audios"):
            return _length(self._encode(deepcopy(example), 1))
        length = self._known_or_measured(example)
        limit = self._dataset.max_seq_len
        if length <= limit - self._dataset.num_reserved_tokens_for_each_dialog:
            return length
        if self._dataset.truncation_strategy == "delete":
            return length if length <= limit else 0
        return self._measure(example, limit, shortened=False)

    def _known_or_measured(self, example: Example) -> int:
        key = record_key(example, self._folder)
        length = self._known.get(key) if key else None
        if length is None:
            length = self._measure(example, MOST_TOKENS, shortened=self._may_shorten)
        if key:
            self.found[key] = length
        return length

    def _measure(self, example: Example, limit: int, *, shortened: bool) -> int:
        """Encode a copy of a record, as the data set replaces the placeholders in it."""
        self._image_tokens, self._shortened = [], shortened
        own_limit, self._dataset.max_seq_len = self._dataset.max_seq_len, limit
        try:
            with self._headers_alone():
                length = _length(self._encode(deepcopy(example), 1))
        finally:
            self._dataset.max_seq_len = own_limit
        return length + sum(self._image_tokens) - len(self._image_tokens) if shortened and length else length

    @contextmanager
    def _headers_alone(self) -> Iterator[None]:
        """Let the template's plug-in count image tokens by the images' headers."""
        self._plugin._get_mm_inputs = self._read_headers
        try:
            yield
        finally:
            del self._plugin._get_mm_inputs

    def _read_headers(
        self, images: list[str], videos: object, audios: object, processor: Any, **others: object
    ) -> dict[str, Any]:
        """Return grids of patches with as many image tokens as the images have, or one for each."""
        import numpy

        del videos, audios, others
        plugin = self._plugin
        outlines = [read_outline(image, plugin._img_download, decode=self._decode) for image in images]
        self._image_tokens = [count_image_tokens(outline, plugin, processor) for outline in outlines]
        merge = int(processor.image_processor.merge_size)
        grids = [
            (1, merge, merge * (1 if self._shortened else tokens)) for tokens in self._image_tokens
        ]  # frames, rows and columns
        return {"image_grid_thw": numpy.array(grids)} if images else {}


def can_measure(dataset: Any) -> bool:
    """Tell whether a data set is of those that `RecordMeter` reads: fine-tuning with Qwen3-VL's plug-in."""
    from paddleformers.datasets.template.mm_plugin import Qwen3VLPlugin

    template, processor = dataset.template, dataset.processor
    return (
        not dataset.is_pretraining
        and dataset.use_template
        and dataset.template_backend == "custom"
        and template is not None
        and type(template.mm_plugin) is Qwen3VLPlugin
        and template.mm_plugin.expand_mm_tokens
        and bool(getattr(processor.image_processor, "do_resize", False))
    )


def _length(sequence: Any) -> int:
    return 0 if sequence is None else len(sequence.token_ids)


def _is_one_token(tokenizer: Any, plugin: Any) -> bool:
    """Tell whether the tokenizer reads each of several image tokens as one token."""
    text = plugin.vision_bos_token + 2 * plugin.image_token + plugin.vision_eos_token
    return len(tokenizer.encode(text, add_special_tokens=False)) == 4
