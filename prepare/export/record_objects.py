"""The records of a split: their images in order, and the objects that their answers name."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grounding.answers.asked import Asked
from grounding.answers.forms import DUPLICATE, NO_BOX
from grounding.boxes import Size
from grounding.errors import UserError
from grounding.files import is_regular, read_jsonl
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.conversation import Record, parse_record
from grounding.record.flaws import WARNINGS
from grounding.samples import Reading
from prepare.export import left_out
from prepare.export.export_types import ExportedObject
from prepare.export.exported_images import REPAIR
from prepare.progress import progress_bar


@dataclass
class ImageAnswers:
    """The records of one image, and its name in the source, "" if the records do not keep it.

    Beside each record is the index of the image among those that it shows. Yes/no questions and questions for
    words are not among the records: their answers name no objects.
    """

    records: list[tuple[Record, int]] = field(default_factory=list)
    source: str = ""


@dataclass(frozen=True)
class NamedObjects:
    """The objects of an image: those of categories, and those that a referring expression means."""

    objects: tuple[ExportedObject, ...] = ()
    phrases: tuple[ExportedObject, ...] = ()


def read_record_rows(path: Path) -> Iterator[tuple[dict[str, Any], Record]]:
    """Yield the records of a JSONL, each as a row and as typed data.

    Raises:
        UserError: a line is not a record.
    """
    with progress_bar(_count_lines(path), f"reading {path.name}", "record") as progress:
        for line, row in read_jsonl(path):
            progress.update()
            yield row, _record(row, f"{path}, line {line}")


def _count_lines(path: Path) -> int:
    if not is_regular(path):
        return 0  # reading it will say so
    with suppress(OSError), path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return 0


def _record(row: dict[str, Any], where: str) -> Record:
    try:
        return parse_record(row)
    except ValueError as error:
        raise UserError(f"{where}: {error}: {REPAIR}") from error


def read_sound_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL, each of which training would take as it is.

    Raises:
        UserError: a line is not such a record.
    """
    for number, (row, _) in enumerate(read_record_rows(path), start=1):
        for flaw in check_record(row, Contract(is_verbatim=True)):
            if flaw.kind not in WARNINGS:
                raise UserError(f"{path}, record {number}: {flaw}: {REPAIR}")
        yield row


def by_image(path: Path, dropped: Counter[str]) -> dict[str, ImageAnswers]:
    """Return the records of each image, in the order in which the images first come.

    Questions whose answers name no objects are counted in `dropped`; the pictures that show their boxes are
    no images of their own.
    """
    found: dict[str, ImageAnswers] = {}
    for row, record in read_record_rows(path):
        if not record.names_objects:
            dropped[_reason(record)] += 1
            continue
        for place, name in enumerate(record.pictures):
            image = found.setdefault(name, ImageAnswers())
            image.records.append((record, place))
            image.source = _source(row, place) or image.source
    return found


def _source(row: dict[str, Any], place: int) -> str:
    """Return the name in the source of one of a record's images, "" if the record does not keep it."""
    named = row.get("source") or ""
    return str(named[place] if isinstance(named, list) and place < len(named) else named)


def _reason(record: Record) -> str:
    if record.is_replay:
        return left_out.REPLAY
    return left_out.YES_NO if record.is_yes_no else left_out.REGION


def objects_in_answers(
    records: list[tuple[Record, int]], size: Size, contract: Contract, dropped: Counter[str]
) -> NamedObjects:
    """Return the objects that the answers about an image name, boxes in pixels, as exact as the grid is.

    Beside each record is the index of the image among those that it shows.

    An object that several questions ask for is one object. What cannot be used is counted in `dropped`.
    """
    parts: list[NamedObjects] = []
    for record, place in records:
        reading = _about_image(record, place, size)
        _count_without_boxes(reading, dropped)
        for problem in reading.problems:
            if problem not in (DUPLICATE, NO_BOX):  # of duplicates both are kept
                dropped[left_out.of_answer(problem)] += 1
        kinds: dict[bool, list[ExportedObject]] = {True: [], False: []}
        for detection in reading.detections:
            is_known = detection.label in (
                contract.categories if contract.labels is None else contract.labels
            )
            if not detection.label:
                continue  # the reader's problem counts it
            if not is_known and contract.labels is not None and not contract.is_verbatim:
                dropped[left_out.UNKNOWN_LABEL] += 1
                continue
            kinds[is_known].append(ExportedObject(detection.label, detection.box))
        parts.append(NamedObjects(tuple(kinds[True]), tuple(kinds[False])))
    return join_objects(parts)


def _about_image(record: Record, place: int, size: Size) -> Reading:
    """Return what a record's answers say of one of its images; problems are those of the first image."""
    reading = record.read_answers(Asked((size,) * max(1, len(record.pictures))))
    own = tuple(detection for detection in reading.detections if detection.picture == place)
    return replace(reading, detections=own, problems=() if place else reading.problems)


def count_without_boxes(records: list[tuple[Record, int]], size: Size, dropped: Counter[str]) -> None:
    """Count the answers about an image that name no object."""
    for record, place in records:
        _count_without_boxes(_about_image(record, place, size), dropped)


def _count_without_boxes(reading: Reading, dropped: Counter[str]) -> None:
    if not reading.detections and not reading.problems:
        dropped[left_out.ABSENT] += 1
    if NO_BOX in reading.problems:
        dropped[left_out.TEXT] += 1


def join_objects(parts: Sequence[NamedObjects]) -> NamedObjects:
    """Return the objects of several questions about one image, in order.

    An object of several questions is one object; one that is twice in a question is two.
    """
    return NamedObjects(
        _join([part.objects for part in parts]),
        _join([part.phrases for part in parts]),
    )


def _join(parts: Sequence[Sequence[ExportedObject]]) -> tuple[ExportedObject, ...]:
    joined: list[ExportedObject] = []
    there: Counter[ExportedObject] = Counter()
    for part in parts:
        found: Counter[ExportedObject] = Counter()
        for item in part:
            found[item] += 1
            if found[item] > there[item]:
                there[item] += 1
                joined.append(item)
    return tuple(joined)
