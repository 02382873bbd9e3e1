"""Objects with expressions about them, collected by split and image: what the forms of RefCOCO share."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.files import is_unicode
from prepare.reasons import EXPRESSION_IN_NO_SPLIT, EXPRESSION_UNREADABLE
from prepare.sources.parts.expression_query import LabelledBox, query_of_expression
from prepare.sources.shared.identity import plain_name
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import FileEntries, ImageEntry

TRAIN, VAL = "train", "val"


class ReferredImage(NamedTuple):
    """An image: its name, the size that is stated, the data set's own id, and where it is stated."""

    name: str
    size: Size | None
    image_id: Any
    where: str


class ExpressionCollector:
    """The expressions of the split train, and of the one that source.val_split names."""

    def __init__(self, source: SourceSettings, where: Path) -> None:
        """Begin with nothing; `where` is for messages."""
        self._source, self._where = source, where
        self._val = source.val_split or VAL
        self._splits: Counter[str] = Counter()
        self._found: dict[tuple[str, str], tuple[ReferredImage, dict[str, list[LabelledBox]]]] = {}
        self.left: Counter[str] = Counter()

    def takes(self, split: str, sentences: Sequence[Any]) -> bool:
        """Tell whether the expressions of a split are taken; those of others are counted."""
        self._splits[split] += 1
        is_taken = split in (TRAIN, self._val)
        if not is_taken:
            self.left[EXPRESSION_IN_NO_SPLIT] += len(sentences)
        return is_taken

    def read_texts(self, sentences: Sequence[Any]) -> list[str]:
        """Return the texts of sentences, with single spaces; those that have none are counted."""
        texts = [text for text in map(_text_of, sentences) if text]
        self.left[EXPRESSION_UNREADABLE] += len(sentences) - len(texts)
        return texts

    def add(self, split: str, image: ReferredImage, pair: LabelledBox, texts: Sequence[str]) -> None:
        """Add an object; the same expression about several objects of an image means all of them."""
        key = TRAIN if split == TRAIN else VAL, plain_name(image.name)
        _, expressions = self._found.setdefault(key, (image, {}))
        for text in texts:
            boxes = expressions.setdefault(text, [])
            boxes.extend([] if pair in boxes else [pair])

    def finish(self) -> FileEntries:
        """Return the images with their queries.

        Raises:
            UserError: no such split.
        """
        splits = self._splits
        if TRAIN not in splits or (self._source.val_split and self._val not in splits):
            missing, key = (self._val, "val_split") if TRAIN in splits else (TRAIN, "train_files")
            raise UserError(
                f"source.{key}: {self._where}: no split '{missing}'; there are "
                f"{', '.join(sorted(splits)) or 'none'}"
            )
        longest = self._source.max_text
        entries = [
            ImageEntry(
                image.name,
                image.where,
                size=image.size,
                image_id=image.image_id,
                split=split,
                queries=tuple(
                    query_of_expression(name, text, boxes, longest) for text, boxes in expressions.items()
                ),
            )
            for (split, name), (image, expressions) in self._found.items()
        ]
        return FileEntries(entries, self.left)


def _text_of(sentence: Any) -> str:
    """Return the text of a sentence, "" if it has none that can be written."""
    text = sentence.get("sent") if isinstance(sentence, dict) else sentence
    return " ".join(text.split()) if isinstance(text, str) and is_unicode(text) else ""
