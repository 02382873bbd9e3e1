"""The whole step: data set -> what the format can state -> files and images in a new folder."""

import dataclasses
from collections import Counter
from pathlib import Path

from grounding.errors import UserError
from grounding.tables import format_table
from prepare.export import left_out
from prepare.export.dataset_reading import conversation_data, predicted_data, true_data
from prepare.export.export_settings import ExportSettings, known_formats, open_format
from prepare.export.export_types import ExportedData, ExportedImage, FormatFacts
from prepare.export.exported_images import write_images
from prepare.export.new_folder import check_free, new_folder


def export_dataset(dataset: Path, settings: ExportSettings, run: Path | None = None) -> ExportedData:
    """Write a data set's truth, or the predictions of a run on it, and return what was written.

    `left_out` of the result counts everything that the format cannot state.

    Raises:
        UserError: the user has to correct the data set, the run, the folder or a setting.
    """
    writer = open_format(settings.format)
    facts = writer.FORMAT
    folder = Path(settings.output_dir).expanduser()
    check_free(folder)
    if facts.has_conversations:
        if run is not None:
            raise UserError(
                f"format={settings.format} holds questions and answers for training, no predictions: "
                f"choose one of {', '.join(_formats_of_objects())}"
            )
        data = conversation_data(dataset)
    else:
        data = true_data(dataset) if run is None else predicted_data(dataset, run)
        data = _stated(data, facts, settings.format)
    with new_folder(folder) as beside:
        more = writer.save(data, beside)
        write_images(dataset, data.images, beside, facts, link=settings.link)
    return dataclasses.replace(data, left_out=data.left_out + more)


def describe_export(data: ExportedData) -> str:
    """Return what was written as a table, and below it what was left out, by reason."""
    rows = [
        [
            split,
            f"{len(images):,}",
            f"{len(data.rows.get(split, ())):,}"
            if data.rows
            else f"{sum(len(image.objects) + len(image.phrases) for image in images):,}",
        ]
        for split, images in data.images.items()
    ]
    text = format_table(["", "images", "conversations" if data.rows else "boxes"], rows)
    if not data.left_out:
        return f"{text}\nleft out: nothing"
    width = max(len(f"{number:,}") for number in data.left_out.values())
    drops = (f"  {number:>{width},}  {reason}" for reason, number in sorted(data.left_out.items()))
    return "\n".join([text, "left out:", *drops])


def _formats_of_objects() -> list[str]:
    return [name for name in known_formats() if not open_format(name).FORMAT.has_conversations]


def _stated(data: ExportedData, facts: FormatFacts, name: str) -> ExportedData:
    """Return what the format can state; the rest is counted.

    Raises:
        UserError: only referring expressions are there, and the format has none.
    """
    dropped = Counter(data.left_out)
    images = {
        split: tuple(_stated_image(image, facts, dropped) for image in found)
        for split, found in data.images.items()
    }
    has_boxes = any(image.objects or image.phrases for found in images.values() for image in found)
    if not has_boxes and dropped[left_out.PHRASE]:
        fitting = [other for other in known_formats() if _has_phrases(open_format(other).FORMAT)]
        raise UserError(
            f"format={name} has no referring expressions, and the data set has nothing else: "
            f"choose one of {', '.join(fitting)}"
        )
    return dataclasses.replace(data, images=images, left_out=+dropped)


def _has_phrases(facts: FormatFacts) -> bool:
    return facts.has_phrases or facts.has_conversations


def _stated_image(image: ExportedImage, facts: FormatFacts, dropped: Counter[str]) -> ExportedImage:
    objects, phrases = image.objects, image.phrases
    if not facts.has_phrases:
        dropped[left_out.PHRASE] += len(phrases)
        phrases = ()
    if not facts.has_crowds:
        kept = tuple(item for item in objects if not item.is_crowd)
        kept_phrases = tuple(item for item in phrases if not item.is_crowd)
        dropped[left_out.CROWD] += len(objects) + len(phrases) - len(kept) - len(kept_phrases)
        objects, phrases = kept, kept_phrases
    if not facts.has_scores:
        dropped[left_out.SCORE] += sum(item.score is not None for item in (*objects, *phrases))
    return dataclasses.replace(image, objects=objects, phrases=phrases)
