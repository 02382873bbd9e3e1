"""Looks at pictures with a detector, and writes its boxes as COCO results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.boxes import Size
from grounding.candidates.detector_results import DetectedBox
from grounding.errors import UserError
from grounding.files import write_json
from grounding.images.box_check import BoxCheck
from grounding.images.image_formats import EXTENSIONS
from grounding.images.picture_hash import hash_picture
from grounding.images.pixels import UNREADABLE, read_pixels
from prepare.detect.detect_settings import DetectSettings
from prepare.detect.detection_cache import DetectionCache
from prepare.detect.detector import Detector

CACHE_ENDING = ".cache"

REMEDY = "let the detector return x1, y1, x2, y2 in pixels of the picture"


@dataclass(frozen=True)
class DetectionReport:
    """What a run did: pictures, those whose boxes were kept from before, boxes, and unreadable files."""

    pictures: int
    kept: int
    boxes: int
    unreadable: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.boxes:,} boxes in {self.pictures:,} pictures, {self.kept:,} of them looked at before"
        if self.unreadable:
            text += f"; {len(self.unreadable)} files are no readable pictures, the first {self.unreadable[0]}"
        return text


def find_pictures(folder: Path, limit: int | None) -> list[Path]:
    """Return the pictures in a folder and its folders, by their names.

    Raises:
        UserError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder: name one with pictures, such as the images/ of a data set"
        )
    endings = {f".{extension}" for extension in EXTENSIONS.values()} | {".jpeg", ".tif"}
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not found:
        raise UserError(f"{folder}: no picture in it ({', '.join(sorted(endings))})")
    return found[:limit]


def detect_objects(folder: Path, detector: Detector, settings: DetectSettings) -> DetectionReport:
    """Look at all pictures of a folder, and write `settings.output`.

    What was found is kept beside it by detector and content of the picture: an interrupted or repeated run
    looks at new pictures alone, and ends with the same bytes.

    Raises:
        UserError: no picture, a file that cannot be written, the detector fails, or its boxes cannot be
            corners in pixels.
    """
    pictures = find_pictures(folder, settings.limit)
    output = Path(settings.output).expanduser()
    rows: list[dict[str, Any]] = []
    unreadable: list[str] = []
    kept = 0
    check = BoxCheck("xyxy", "pixels", REMEDY)
    with DetectionCache(Path(f"{output}{CACHE_ENDING}"), detector.fingerprint) as cache:
        for path in tqdm(pictures, unit="image", desc="detect"):
            name = path.relative_to(folder).as_posix()
            try:
                picture = read_pixels(path)
            except UNREADABLE:
                unreadable.append(name)
                continue
            content = hash_picture(picture)
            if content in cache.known:
                kept += 1
            else:
                cache.add(content, detector.detect(picture))
            for item in cache.known[content]:
                check.add(item.box.xyxy, Size(*picture.size), f"{settings.detector}, {name}")
            rows += _rows(name, cache.known[content], settings.min_score)
    check.finish()
    write_json(output, rows)
    return DetectionReport(len(pictures), kept, len(rows), tuple(unreadable))


def _rows(name: str, found: Sequence[DetectedBox], min_score: float) -> list[dict[str, Any]]:
    return [
        {
            "file_name": name,
            "category_name": item.label,
            "bbox": [round(number, 2) for number in item.box.xywh],
            "score": item.score,
        }
        for item in found
        if item.score is None or item.score >= min_score
    ]
