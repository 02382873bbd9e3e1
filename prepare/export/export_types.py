"""What is exported: images with objects, or conversations, and what a format can state of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # numpy would slow down --help
    from grounding.boxes import Box, Size
    from grounding.categories import Category


@dataclass(frozen=True)
class FormatFacts:
    """What a format is for, where its images lie, and what it can state.

    `images` is the folder of a split's images below output_dir; `{split}` stands for train or val.
    `has_conversations`: the records are exported, questions and answers, instead of objects.
    """

    purpose: str
    images: str
    has_crowds: bool = False
    has_phrases: bool = False
    has_scores: bool = False
    has_conversations: bool = False

    @property
    def carried(self) -> str:
        """What the format can state, in words."""
        if self.has_conversations:
            return "questions, answers, referring expressions, absent objects"
        more = (
            (self.has_crowds, "crowds"),
            (self.has_phrases, "referring expressions"),
            (self.has_scores, "scores"),
        )
        return ", ".join(["boxes", *(name for is_there, name in more if is_there)])


@dataclass(frozen=True)
class ExportedObject:
    """One object: its label, its box in original pixels, its score if a model found it.

    `area` is in square pixels, None if only the box tells it.
    """

    label: str
    box: "Box"
    score: float | None = None
    is_crowd: bool = False
    area: float | None = None


@dataclass(frozen=True)
class ExportedImage:
    """An image of a data set with its objects; the labels of `phrases` are referring expressions.

    `name` is its path below images/. `source` is its name in what the data set was made from, "" if the
    records do not keep it.
    """

    image_id: int
    name: str
    size: "Size"
    objects: tuple[ExportedObject, ...] = ()
    phrases: tuple[ExportedObject, ...] = ()
    source: str = ""

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return PurePosixPath(self.name).with_suffix("").as_posix()


@dataclass(frozen=True)
class ExportedData:
    """What a format saves; each split has images, and in a format of conversations rows of the JSONL.

    `title` names the data set. `model` names the run whose predictions the objects are, "" if they are truth.
    `left_out` counts by reason what was not exported.
    """

    title: str
    categories: "tuple[Category, ...]"
    images: Mapping[str, tuple[ExportedImage, ...]]
    rows: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    model: str = ""
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the categories, in the order of the card."""
        return tuple(category.name for category in self.categories)


class ExportFormat(Protocol):
    """A module of prepare/export/formats/."""

    FORMAT: FormatFacts

    def save(self, data: ExportedData, folder: Path) -> Counter[str]:
        """Write the annotation files below a folder; return by reason what they cannot state."""
        ...
