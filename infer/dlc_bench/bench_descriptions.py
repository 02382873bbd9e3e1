"""Ask a model to describe the regions of a benchmark, each shown in its picture."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding.boxes import Size, to_grid
from grounding.errors import UserError
from grounding.files import replacing
from grounding.images.pixels import UNREADABLE, open_picture, upright_size
from grounding.images.region_pictures import draw_outline, draw_spotlight
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.predictions.annotations import read_annotations
from grounding.yes_no.shown_box import write_box
from infer.dlc_bench.bench_files import ANNOTATIONS, BenchRegion
from infer.dlc_bench.bench_settings import MASK, OUTLINE, TEXT, BenchSettings
from infer.engines.checkpoint import fingerprint_checkpoint
from infer.engines.protocol import Engine, Request
from infer.runs.predict import EngineOpener
from infer.runs.question_batches import ask_by_place
from infer.runs.resumed_answers import resumed_rows
from infer.scoring.words.answer_words import words_of_answer

DESCRIPTIONS_FILE = "described.jsonl"
PICTURES_FOLDER = "shown"


@dataclass(frozen=True)
class Described:
    """What describes the regions: the benchmark's folder, and the settings."""

    folder: Path
    settings: BenchSettings

    @property
    def output(self) -> Path:
        """The folder that everything is written to."""
        return Path(self.settings.output_dir)


def describe_regions(
    bench: Described, regions: Sequence[BenchRegion], open_engine: EngineOpener
) -> list[str]:
    """Return the words for each region, in their order; "" where the model has none.

    Raises:
        UserError: a picture cannot be read, or something is wrong with checkpoint, server or output folder.
    """
    settings = bench.settings
    requests = list(_requests(bench, regions))
    checkpoint = settings.resolve_checkpoint()
    texts = [[one.system, one.user, _content_hash(one.picture)] for one in requests]
    identity = {
        "keys": settings.described_keys(),
        "checkpoint": "none" if checkpoint is None else fingerprint_checkpoint(checkpoint),
        "questions": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
    }

    def ask(places: Sequence[int]) -> Iterator[Mapping[int, dict[str, Any]]]:
        engine = open_engine(settings)
        for answers in _ask(engine, requests, places, settings):
            yield {place: {"id": regions[place].key, **row} for place, row in answers.items()}

    path = bench.output / DESCRIPTIONS_FILE
    rows = resumed_rows(path, identity, len(requests), ask, "region", overwrite=settings.overwrite)
    return [words_of_answer(str(row["raw"])) for row in rows]


def _ask(
    engine: Engine, requests: Sequence[Request], places: Sequence[int], settings: BenchSettings
) -> Iterator[dict[int, dict[str, Any]]]:
    """Yield rows by place as they come."""

    def answer(batch: Sequence[int]) -> list[dict[str, Any]]:
        found = engine.answer([requests[place] for place in batch])
        return [{"raw": one.text, "problem": one.problem, "is_cut": one.is_cut} for one in found]

    return ask_by_place(engine, answer, places, settings)


def _requests(bench: Described, regions: Sequence[BenchRegion]) -> Iterator[Request]:
    from tqdm import tqdm

    settings = bench.settings
    masks = _Masks(bench.folder) if settings.region == MASK else None
    for region in tqdm(regions, desc="show regions", unit="region", delay=2, leave=False):
        try:
            with open_picture(region.picture) as opened:
                size = upright_size(opened)
                shown = region.picture
                if settings.show != TEXT:
                    draw = draw_outline if settings.show == OUTLINE else draw_spotlight
                    target = region.box if masks is None else masks.of(region, size)
                    shown = bench.output / PICTURES_FOLDER / f"{settings.show}_{region.key}.png"
                    _save_once(shown, draw(opened, target))
        except UNREADABLE as error:
            raise UserError(f"{region.picture}: not readable as an image: {error}") from error
        box = write_box(to_grid(region.box.clipped(size), size), "objects")
        question = settings.wording.replace("{box}", box)
        yield Request((shown,), settings.system, f"{IMAGE_PLACEHOLDER}{question}", is_free_form=True)


def _save_once(path: Path, picture: Any) -> None:
    with replacing(path) as file:
        picture.save(file, "PNG")


class _Masks:
    """The masks of a benchmark's annotations, as faster-coco-eval reads them."""

    def __init__(self, folder: Path) -> None:
        from faster_coco_eval import COCO

        self._file = folder / ANNOTATIONS
        self._annotations = COCO(read_annotations(self._file), print_function=lambda *said: None)
        self._ids = {str(key): key for key in self._annotations.anns}

    def of(self, region: BenchRegion, size: Size) -> Any:
        """Return the mask of a region, shape (height, width).

        Raises:
            UserError: its annotation has none, or one of another size.
        """
        annotation = self._annotations.anns[self._ids[region.key]]
        where = f"{self._file}, annotation {region.key}"
        if not annotation.get("segmentation"):
            raise UserError(f"{where}: no segmentation: set region=box")
        try:
            mask = np.asarray(self._annotations.annToMask(annotation)) != 0
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise UserError(f"{where}: the segmentation cannot be read ({error}): set region=box") from error
        if mask.shape != (size.height, size.width):
            raise UserError(f"{where}: the mask is of another size than the picture: set region=box")
        return mask


def _content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
