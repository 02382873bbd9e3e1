"""Values of other types in a prepared data set: each reader of it says so in one line."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
from infer.asking.dataset_questions import read_questions
from infer.asking.words.asked_regions import read_region_questions
from prepare.check.dataset import check_dataset
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.settings.describing_questions import DescribingQuestions
from prepare.show.record_page import render_page
from prepare.sources.source_settings import SourceSettings
from prepare.stats.counts import count_files
from tests.attacks.test_hostile_types import STRANGE
from tests.prepare.sources.small_sources import SOURCES, places_in, replaced
from train.preflight.data import file_problems
from visualize.read.compared_runs import read_truth
from visualize.read.training_records import read_records

READERS: dict[str, Callable[[Path], Any]] = {
    "check": lambda folder: str(check_dataset(folder)).encode(),
    "preflight": lambda folder: list(file_problems(folder / "val.jsonl")),
    "questions": lambda folder: read_questions(folder, "val"),
    "words": lambda folder: read_region_questions(folder, "val"),
    "records": lambda folder: list(read_records(folder / "val.jsonl", 9)),
    "truth": read_truth,
    **{
        f"export {name}": lambda folder, name=name: export_dataset(
            folder, ExportSettings(name, tempfile.mkdtemp(dir=folder.parent))
        )
        for name in ("voc", "ms_swift", "sharegpt")
    },
    "stats": lambda folder: count_files({"val": folder / "val.jsonl"}),
    "show": lambda folder: render_page({"val": folder / "val.jsonl"}, 2, 65536, 1048576),
}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a data set by their names."""
    place = tmp_path_factory.mktemp("strange")
    make, write = SOURCES["coco_json"]
    write(make(), place / "source")
    prepare_dataset(
        PrepareRecipe(
            source=SourceSettings(kind="coco_json", path=str(place / "source")),
            output_dir=str(place / "dataset"),
            categories="source",
            total_samples=None,
            val_ratio=0.5,
            regions=DescribingQuestions(0.4, ["spotlight", "text"]),
        )
    )
    assert '"region": {' in (place / "dataset/val.jsonl").read_text(encoding="utf-8")
    files = (place / "dataset").rglob("*.*")
    return {path.relative_to(place / "dataset").as_posix(): path.read_bytes() for path in files}


def write_json_text(name: str, content: Any) -> str:
    if not name.endswith(".jsonl"):
        return json.dumps(content)
    return "".join(f"{json.dumps(row)}\n" for row in (content if isinstance(content, list) else [content]))


@pytest.mark.parametrize("name", ["val.jsonl", "annotations_val.json", "card.json"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_reader(name: str, contents: dict[str, bytes], tmp_path: Path, data: st.DataObject) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "images").mkdir()
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    texts = contents[name].decode().splitlines() if name.endswith(".jsonl") else contents[name].decode()
    content = [json.loads(text) for text in texts] if isinstance(texts, list) else json.loads(texts)
    place = data.draw(st.sampled_from(list(places_in(content))))
    changed = replaced(content, place, data.draw(st.sampled_from(STRANGE)))
    try:
        (folder / name).write_text(write_json_text(name, changed))
    except ValueError:
        return  # Python writes no number of so many digits
    for read in READERS.values():
        try:
            read(folder)
        except UserError as error:
            str(error).encode()
