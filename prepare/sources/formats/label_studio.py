"""Label Studio's JSON export: a list of tasks, each with one image.

Source of the format: see `prepare.sources.tool_files.studio_tasks`. The ids of the tasks are kept;
an `image_id` in the data of a task, as `prepare.export` writes it, comes first. Files of the export JSON-MIN,
and the single tasks that Label Studio writes into a storage, are read as well.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from prepare.source_types import BoxFormat
from prepare.sources.lookup.image_names import ImageFiles
from prepare.sources.shared.file_patterns import source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.source_values import BadValueError, brief_value
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import DescribedSource, FileEntries, ImageEntry, fixed_boxes
from prepare.sources.tool_files.split_words import find_split_files
from prepare.sources.tool_files.studio_tasks import choose_annotation, image_of, read_results
from prepare.sources.tool_files.text_files import load_json

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/*.json"

_UPLOADED = re.compile(r"(?:^|(?<=/))[0-9a-f]{8}-(?=[^/]+$)")
"""What Label Studio puts before the name of an uploaded file."""

_TASK_KEYS = frozenset({"data", "annotations", "predictions", "completions"})


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the exports; the words train and val in their paths are the splits.

    Raises:
        UserError: no exports, or values of other types.
    """
    del categories  # the files name them
    box_format = fixed_boxes(source, USUAL_BOXES)
    folder = source_folder(source, ("**/*",))
    files, lost = find_split_files(source, folder, FILES)
    described = DescribedSource(source, folder, files, box_format, lost)
    images = ImageFiles(folder / source.images if source.images else folder, described.check)

    def name_of(stated: str, where: str) -> str:
        """Return the name without the prefix of an upload where only that one has a file."""
        bare = _UPLOADED.sub("", stated)
        if bare == stated or images.find_by_end(stated, where) or not images.find_by_end(bare, where):
            return stated
        return bare

    def read(path: Path) -> FileEntries:
        entries, left = read_export(path, source.max_text)
        return FileEntries(
            [ImageEntry(name_of(entry.name, entry.where), *_rest(entry)) for entry in entries], left
        )

    return described.read(read)


def _rest(entry: ImageEntry) -> tuple[Any, ...]:
    return entry.where, entry.regions, entry.size, entry.image_id


def read_export(path: Path, longest: int) -> tuple[list[ImageEntry], Counter[str]]:
    """Return the images of an export, and what is left aside by reason.

    Raises:
        UserError: not a file of Label Studio, or values of other types.
    """
    content = load_json(path)
    tasks = content if isinstance(content, list) else [content]
    left: Counter[str] = Counter()
    entries = []
    for number, stated in enumerate(tasks):
        where = f"[{number}]"
        try:
            if not isinstance(stated, dict):
                raise BadValueError(f"{where}: a task is needed, there is {brief_value(stated)}")
            task = _plain_task(stated)
            name = image_of(task.get("data"), where)
            results = choose_annotation(task, where, left)
            if results is None:
                continue
            regions, size = read_results(results, where, longest, left)
        except BadValueError as error:
            raise UserError(f"{path}: {error}") from error
        image_id = _image_id(task)
        entries.append(ImageEntry(name, f"{path}, task {task.get('id', number)}", regions, size, image_id))
    return entries, left


def _image_id(task: Mapping[str, Any]) -> Any:
    """Return the id that `prepare.export` gave the image, which outlives Label Studio; else the task's id."""
    return task["data"].get("image_id", task.get("id"))


def _plain_task(stated: dict[str, Any]) -> Mapping[str, Any]:
    """Return a task in the form of the JSON export."""
    if isinstance(stated.get("task"), dict) and "result" in stated:  # an annotation in a target storage
        annotation = {key: value for key, value in stated.items() if key != "task"}
        return {**stated["task"], "annotations": [annotation]}
    if _TASK_KEYS & stated.keys():
        return stated
    regions = [
        {"value": region, **{key: region.get(key) for key in ("original_width", "original_height")}}
        for value in stated.values()
        if isinstance(value, list)
        for region in value
        if isinstance(region, dict)
    ]
    data = {key: value for key, value in stated.items() if isinstance(value, str)}
    number = {key: stated[key] for key in ("image_id",) if key in stated}
    return {"id": stated.get("id"), "data": data | number, "annotations": [{"result": regions}]}
