"""Write blocks of records as token ids, labels and positions, made by the run's own data set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from grounding.errors import UserError
from grounding.files import replacing
from train.cache.record_outline import RECORDS_IN_BLOCK
from train.cache.token_positions import token_positions
from train.cached.section import DAMAGED, DROPPED, KEPT, UNREAD
from train.cached.section_reader import SectionImages

RECORD_BLOCKS = "records"
PLACEHOLDERS = ("<ref-object>", "<bbox>")
NOT_READ = "not taken from the file"
NO_TOKENS = "no token to learn, or too long"


@dataclass
class EncodedBlock:
    """What was made of the records of a block: numbers of text.bin, and length and state of each record."""

    text: list[Any] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    states: list[int] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, numbers: Any, state: int, reason: str = "") -> None:
        """Add a record; `numbers` has five for each of its tokens, None for a record without tokens."""
        if numbers is not None:
            self.text.append(numbers)
        self.lengths.append(0 if numbers is None else len(numbers) // 5)
        self.states.append(state)
        if reason:
            self.reasons[reason] += 1


def record_block_file(folder: Path, number: int) -> Path:
    """Return the file of a block of records."""
    return folder / RECORD_BLOCKS / f"{number:06}.npz"


class RecordEncoder:
    """Encodes the records of a file whose images are in a section already."""

    def __init__(self, dataset: Any, file: Path, images: SectionImages) -> None:
        from paddleformers.datasets.reader.file_reader import FileReader

        self._dataset, self._file, self._images = dataset, file, images
        self._reader = FileReader(str(file), "messages", template_backend="custom")
        self._plugin = dataset.template.mm_plugin
        self._compared: set[int] = set()

    def write_block(self, folder: Path, number: int, start: int, image_numbers: Sequence[list[int]]) -> None:
        """Encode a block that begins at a byte of the file; `image_numbers` are the images of each record.

        Raises:
            UserError: a record cannot be cached, or the disk is full.
        """
        import orjson

        block = EncodedBlock()
        self._compared.clear()
        with self._file.open("rb") as lines:
            lines.seek(start)
            rows = (orjson.loads(line) for line in lines if line.strip())
            for place, numbers in enumerate(image_numbers):
                where = f"{self._file}, record {number * RECORDS_IN_BLOCK + place + 1}"
                self._add(block, next(rows), numbers, where)
        with replacing(record_block_file(folder, number)) as file:
            np.savez(
                file,
                text=np.concatenate(block.text) if block.text else np.empty(0, np.int32),
                lengths=np.array(block.lengths, np.int32),
                states=np.array(block.states, np.uint8),
                reasons=np.array([f"{count} {reason}" for reason, count in block.reasons.items()], str),
            )

    def _add(self, block: EncodedBlock, row: Any, numbers: list[int], where: str) -> None:
        try:
            example = self._reader._data_check(row)
        except Exception:  # noqa: BLE001 (as PaddleFormers does)
            example = None
        if not example:
            block.add(None, UNREAD, NOT_READ)
            return
        original = deepcopy(example)
        table = self._images.table[numbers]
        try:
            with self._known_grids(numbers):
                sequence = self._dataset._process_sft_sequence(example, 1)
        except Exception as error:  # noqa: BLE001 (as PaddleFormers does)
            block.add(
                None,
                DROPPED,
                f"{type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}",
            )
            return
        _refuse_open_placeholders(example, where)
        if sequence is None:
            block.add(None, DROPPED, NO_TOKENS)
            return
        is_sound = bool(table["is_sound"].all())
        if is_sound and len(numbers) not in self._compared:
            self._compared.add(len(numbers))
            self._compare(original, sequence, numbers, where)
        tokens = np.asarray(sequence.token_ids, np.int32)
        positions = self._positions(tokens, numbers)
        flat = np.concatenate([tokens, np.asarray(sequence.labels, np.int32), positions.reshape(-1)])
        block.add(flat, KEPT if is_sound else DAMAGED, "" if is_sound else "a damaged image")

    def _positions(self, tokens: Any, numbers: list[int]) -> Any:
        processor = self._dataset.processor
        merge = int(processor.image_processor.merge_size)
        return token_positions(tokens, self._images.grids(numbers), processor.image_token_id, merge)

    @contextmanager
    def _known_grids(self, numbers: list[int]) -> Iterator[None]:
        """Let the template's plug-in take the images' grids from the section."""

        def known(images: list[str], *others: object, **options: object) -> dict[str, Any]:
            del others, options
            if not images:
                return {}
            grids = self._images.grids(numbers)
            if not grids.all():
                raise OSError("an image that cannot be read")
            return {"image_grid_thw": grids}

        self._plugin._get_mm_inputs = known
        try:
            yield
        finally:
            del self._plugin._get_mm_inputs

    def _compare(self, example: Any, sequence: Any, numbers: list[int], where: str) -> None:
        """Check the first record with so many images in a block against what PaddleFormers makes of it.

        Raises:
            UserError: PaddleFormers makes something else of it.
        """
        whole = self._dataset._process_sft_sequence(example, 1)
        values = [self._images.values(number).tobytes() for number in numbers]
        made = whole.mm_inputs["pixel_values"].numpy().tobytes() if numbers else b""
        if (whole.token_ids, whole.labels, made) != (sequence.token_ids, sequence.labels, b"".join(values)):
            raise UserError(
                f"{where}: its images are encoded otherwise together: train without grounding_cache"
            )


def _refuse_open_placeholders(example: Any, where: str) -> None:
    """Refuse a record that PaddleFormers would fill with other objects when it encodes it again.

    Raises:
        UserError: a placeholder is left.
    """
    texts = [str(message.get("content", "")) for message in example["messages"]]
    if any(placeholder in text for text in texts for placeholder in PLACEHOLDERS):
        raise UserError(f"{where}: has more placeholders than objects: prepare the data set again")
