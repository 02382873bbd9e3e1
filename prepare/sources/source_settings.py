"""The `source` keys of a prepare recipe."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.checks import check_word
from grounding.recipe.schema import setting
from prepare.source_types import BoxFormat

CROWD_CHOICES = ("ignore", "objects")
GROUP_CHOICES = ("keep", "drop")
EXPRESSION_KINDS = ("phrases", "refcoco", "refcoco_parquet", "visual_genome")
"""Kinds of sources whose questions are about one expression."""

HUBS = ("huggingface", "modelscope", "local")
COCO_REPOSITORY = {"huggingface": "detection-datasets/coco", "modelscope": "AI-ModelScope/coco"}
"""Where each hub keeps COCO 2017 as parquet."""

NO_FILES = "none"
"""In place of a pattern: a source that has no training files, for a test set."""

FORMATS_FOLDER = Path(__file__).with_name("formats")


def known_kinds() -> tuple[str, ...]:
    """Return the names of the annotation formats: one module each."""
    return tuple(sorted(path.stem for path in FORMATS_FOLDER.glob("[a-z]*.py")))


@dataclass(frozen=True)
class SourceSettings:
    """Where the annotated images are, and how the annotations are written."""

    kind: str = setting(" | ".join(known_kinds()), "coco_parquet")
    hub: str | None = setting(
        "huggingface, modelscope or local; null: coco_parquet takes DOWNLOAD_SOURCE from the environment, "
        "else huggingface; other kinds are local",
        None,
    )
    repo: str | None = setting("data set repository on the hub; null: COCO 2017 there", None)
    path: str | None = setting("folder with the files, for source.hub=local", None)
    train_files: str | None = setting(
        "pattern of the files for training (voc: the list of images); null: the usual one of the kind; none: "
        "there are no such files, with test_set=true",
        None,
    )
    val_files: str | None = setting(
        "the same for validation; without such files, val is cut from train_files", None
    )
    images: str | None = setting(
        "folder of the images below source.path; null: the usual one of the kind", None
    )
    boxes: str | None = setting("xyxy, xywh or cxcywh; null: the usual order of the kind", None)
    units: str | None = setting(
        "pixels, pixels_from_1, relative (0..1) or grid (0..1000); null: the usual units of the kind", None
    )

    outside: bool = setting(
        "take images and annotation files from outside source.path, which the source names or links to", False
    )
    crowds: str = setting(
        "regions marked as crowd (COCO) or difficult (VOC): ignore (neither asked nor scored), or objects",
        "ignore",
    )
    groups: str = setting(
        "coco_json: categories without objects that others name as their supercategory, as in Roboflow's "
        "exports: keep or drop",
        "keep",
    )
    label: str | None = setting("via: the attribute that names a region; null: the only one", None)
    val_split: str | None = setting(
        "refcoco: which of its splits is for validation (val, testA, testB or test); null: val", None
    )
    headings: bool = setting(
        "records of several images: write `Image 2: ` before boxes whose image the answer does not name; "
        "false: leave such records out",
        True,
    )
    max_text: int = setting("characters of a category's name or an expression, at most", 2000)

    def __post_init__(self) -> None:
        from grounding.boxes import BOX_ORDERS, BOX_UNITS

        check_word("source.kind", self.kind, known_kinds())
        for key, value, known in (
            ("source.hub", self.hub, HUBS),
            ("source.boxes", self.boxes, BOX_ORDERS),
            ("source.units", self.units, BOX_UNITS),
        ):
            if value is not None:
                check_word(key, value, known)
        check_word("source.crowds", self.crowds, CROWD_CHOICES)
        check_word("source.groups", self.groups, GROUP_CHOICES)
        if self.max_text < 1:
            raise ValueError(f"source.max_text: {self.max_text} is not a positive number of characters")
        for key, value, kinds in (
            ("label", self.label, ("via",)),
            ("val_split", self.val_split, ("refcoco", "refcoco_parquet")),
            ("headings", None if self.headings else "false", ("records",)),
            ("groups", None if self.groups == "keep" else self.groups, ("coco_json",)),
        ):
            if value is not None and self.kind not in kinds:
                raise ValueError(
                    f"source.{key}: only read with source.kind={' or '.join(kinds)}: remove the key"
                )
        self._check_place()
        if self.kind == "yolo" and (self.train_files or self.val_files):
            raise ValueError("source.train_files: for source.kind=yolo the names file lists the images")

    def _check_place(self) -> None:
        is_local = self.hub == "local" or (self.kind != "coco_parquet" and self.hub is None)
        if is_local and not self.path:
            raise ValueError(
                f"source.path: {self.kind} with source.hub=local needs the folder with the files"
            )
        if self.path and not is_local:
            raise ValueError("source.path: only read with source.hub=local: set that too, or remove the path")
        if self.kind != "coco_parquet" and not is_local and not self.repo:
            raise ValueError(f"source.repo: source.kind={self.kind} needs the repository on {self.hub}")

    def box_format(self, usual: BoxFormat) -> BoxFormat:
        """Return how the boxes are written; `usual` fills what the recipe leaves out."""
        return BoxFormat(self.boxes or usual.order, self.units or usual.units)

    def crowd_positions(self, marks: Iterable[bool]) -> frozenset[int]:
        """Return the positions of the marked objects that are ignored as crowds."""
        if self.crowds == "objects":
            return frozenset()
        return frozenset(position for position, is_marked in enumerate(marks) if is_marked)

    @property
    def resolved_hub(self) -> str:
        """The hub; if the recipe names none, the one from the environment.

        Raises:
            ValueError: DOWNLOAD_SOURCE names a hub that has no COCO.
        """
        if self.kind != "coco_parquet":
            return self.hub or "local"
        hub = self.hub or os.environ.get("DOWNLOAD_SOURCE", "").lower() or "huggingface"
        if hub not in HUBS[:2] and hub != self.hub:
            raise ValueError(
                f"source.hub: DOWNLOAD_SOURCE={hub} is not a hub with this data set, "
                "set source.hub=huggingface, modelscope or local"
            )
        return hub

    @property
    def resolved_repo(self) -> str:
        """The data set repository on the resolved hub."""
        return self.repo or COCO_REPOSITORY[self.resolved_hub]
