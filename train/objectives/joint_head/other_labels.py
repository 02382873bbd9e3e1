"""Labels of other objects, written with as many tokens as an object's own."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.files import read_jsonl
from grounding.record.conversation import parse_record

ROWS, MOST = 1000, 64
"""So many rows of a file are read, and so many labels are taken from all files."""

UNIT = Size(1, 1)


def labels_of_files(files: Sequence[Path], seed: int) -> list[str]:
    """Return labels of the first rows of files, sorted; MOST of them by chance, where there are more.

    Rows that are no records of this project are passed over: the check of a recipe reports them.

    Raises:
        UserError: a file cannot be read.
    """
    import numpy as np

    found = sorted({label for file in files for label in _labels_of(file)})
    if len(found) > MOST:
        chosen = np.random.default_rng(seed).choice(len(found), MOST, replace=False)
        found = [found[place] for place in sorted(chosen)]
    return found


def _labels_of(file: Path) -> Iterator[str]:
    for _, row in islice(read_jsonl(file), ROWS):
        try:
            reading = parse_record(row).read_answers(UNIT)
        except ValueError:
            continue
        yield from (detection.label for detection in reading.detections if detection.label)


class OtherLabels:
    """Finds other labels that can take the place of an object's own, token for token."""

    def __init__(self, labels: Sequence[str], tokenizer: Any) -> None:
        self._labels, self._tokenizer = labels, tokenizer
        self._known: dict[tuple[tuple[int, ...], str], list[tuple[str, tuple[int, ...]]]] = {}

    def fitting(self, ids: tuple[int, ...], label: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return labels with the ids of their tokens, for the tokens `ids` that hold a label.

        What is beside the label in these tokens, such as a quotation mark, stays. Empty where the tokenizer
        does not write the text with these tokens by itself.
        """
        key = (ids, label)
        if key not in self._known:
            self._known[key] = list(self._find(ids, label))
        return self._known[key]

    def _find(self, ids: tuple[int, ...], label: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        text = self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if text.count(label) != 1 or self._ids_of(text) != ids:
            return
        for other in self._labels:
            if other != label and not set('"\\\n') & set(other):  # JSON would spell these differently
                written = self._ids_of(text.replace(label, other))
                if len(written) == len(ids):
                    yield other, written

    def _ids_of(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
