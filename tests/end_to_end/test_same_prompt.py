"""The prompt of inference is the prompt of training: token ids, pixels and grid.

Run as a script, this file encodes a data set as `paddleformers-cli train` does, in a process of its own
because the training plug-in changes the library: `test_same_prompt.py BASE JSONL CHECKPOINT ENCODED`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

ROOT = Path(__file__).parents[2]
MAX_PIXELS = 48 * 48
# At the cap; far above it; thin, so that PaddleFormers widens it; tiny; and one of each kind
KINDS = {4: "L", 5: "turned", 6: "I;16", 7: "RGBA", 8: "P with a transparent colour", 9: "CMYK", 10: "TIFF"}
SIZES = ((48, 48), (301, 173), (200, 9), (12, 12), (64, 80), *[(90, 60)] * 8)
TALK = 3
"""A record of several turns: each answer is asked for with the turns before it."""

MORE = [
    {"role": "user", "content": " Is there another one?\n"},
    {"role": "assistant", "content": "\nNo, there is <ref-object><bbox> alone. "},
    {"role": "user", "content": "How many cats are there?"},
    {"role": "assistant", "content": "One."},
]

SHOWN = {11: "crop", 12: "text"}
"""The last records ask for words about a region, which a picture shows, or their text."""


SEVERAL = (
    ((4, 0, 1), ["<image> and <image>, then <image>: where is the cat?"]),
    ((1, 4, 0), [" <image>\nWhere is the cat?", "And here:<image><image> ?"]),
)
"""Pictures and questions of the records about several pictures, which come last."""


def encode_as_training(base: str, jsonl: str, checkpoint: str, encoded: str) -> None:
    """Write token ids, labels, pixels and grids of every record, and the processor as training saves it."""
    sys.path.insert(0, str(ROOT))
    from train.inside.patches.needed import apply_patches

    apply_patches({"max_pixels": MAX_PIXELS, "min_pixels": 32 * 32})
    from paddleformers.datasets.loader import create_dataset
    from paddleformers.datasets.template.template import get_template_and_fix_tokenizer
    from paddleformers.transformers import AutoProcessor, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    processor = AutoProcessor.from_pretrained(base, use_fast=None)
    config = {
        "tokenizer": tokenizer,
        "processor": processor,
        "max_seq_len": 4096,
        "stage": "VL-SFT",
        "template": "qwen3_vl_nothink",
        "template_backend": "custom",
        "dataset_type": "iterable",
        "mix_strategy": "concat",
        "random_shuffle": False,
        "greedy_intokens": False,
        "packing": False,
        "tool_format": None,
        "default_system": None,
        "num_replicas": 1,
        "rank": 0,
        "random_seed": 0,
        "num_samples_each_epoch": 6000000,
        "dtype": "float32",
        "is_valid": True,
    }
    config["template_instance"] = get_template_and_fix_tokenizer(config)
    sequences = create_dataset(task_group=jsonl, task_group_prob="1.0", sub_dataset_type="messages", **config)
    arrays: dict[str, Any] = {}
    for number, sequence in enumerate(batch[0] for batch in list(sequences)[: len(SIZES) + len(SEVERAL)]):
        arrays[f"token_ids_{number}"] = np.array(sequence.token_ids)
        arrays[f"labels_{number}"] = np.array(sequence.labels)
        arrays[f"pixel_values_{number}"] = sequence.mm_inputs["pixel_values"].numpy()
        arrays[f"image_grid_thw_{number}"] = sequence.mm_inputs["image_grid_thw"].numpy()
    np.savez(encoded, **arrays)
    processor.save_pretrained(checkpoint)


def write_picture(generator: np.random.Generator, shape: tuple[int, int], kind: str, path: Path) -> None:
    """Write random pixels; the name of the file says PNG whatever its format is."""
    options: dict[str, Any] = {}
    picture = Image.fromarray(generator.integers(0, 256, (*shape, 4), dtype=np.uint8))
    if kind == "I;16":
        picture = Image.fromarray(generator.integers(0, 65536, shape, dtype=np.uint16))
    elif kind == "turned":
        picture = picture.convert("RGB")
        options["exif"] = picture.getexif()
        options["exif"][ExifTags.Base.Orientation] = 6
    elif kind.startswith("P"):
        picture, options["transparency"] = picture.convert("RGB").quantize(16), 3
    elif kind not in ("RGBA", "TIFF"):
        picture = picture.convert(kind)
    picture.save(path, {"CMYK": "JPEG", "TIFF": "TIFF"}.get(kind, "PNG"), **options)


def describing(record: dict[str, Any], show: str, folder: Path) -> dict[str, Any]:
    """Return a record about the same image that asks for words, as `prepare` writes it."""
    from collections import Counter

    from grounding.boxes import Box, Size
    from grounding.samples import Detection
    from prepare.questions.image_records import ImageRecords
    from prepare.questions.objects import ImageObjects
    from prepare.questions.regions.region_questions import RegionQuestioner
    from prepare.recipe import PrepareRecipe
    from prepare.settings.describing_questions import DescribingQuestions
    from prepare.source_types import Frame
    from prepare.write.image_files import ImageFacts
    from prepare.write.shown_boxes import add_box_records

    (name,) = record["images"]
    data = (folder / name).read_bytes()
    with Image.open(folder / name) as image:
        size = Size(*image.size)
    cat = Detection("cat", Box(20, 10, 50, 40))
    objects = ImageObjects((cat,), (1.0,), (cat,), texts=(("the cat on the left",),))
    recipe = PrepareRecipe(output_dir="unused", regions=DescribingQuestions(0.9, show))
    made = ImageRecords(name)
    made.region_questions = RegionQuestioner(recipe).ask(1, name, size, [objects], 9, Counter(), is_val=False)
    add_box_records(made, data, ImageFacts(Frame(size), "png"), folder, recipe)
    (described,) = made.records
    assert (described["images"] == [name]) == (show == "text")
    return described


def about_several(numbers: tuple[int, ...], questions: list[str]) -> dict[str, Any]:
    """Return a record about several pictures; each answer has a box in the first one."""
    messages = []
    for question in questions:
        answer = {"role": "assistant", "content": "Image 1: <ref-object><bbox>"}
        messages += [{"role": "user", "content": question}, answer]
    return {
        "messages": messages,
        "images": [f"images/{number}.png" for number in numbers],
        "objects": {
            "ref": ["cat"] * len(questions),
            "bbox": [[1, 2, 300, 400]] * len(questions),
            "image_id": [0] * len(questions),
        },
    }


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Write a JSONL with its images, and return the requests that inference makes of it."""
    from grounding.card import Card, save_card
    from grounding.categories import number_categories
    from infer.asking.dataset_questions import read_questions
    from infer.asking.words.asked_regions import read_region_questions

    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    card = Card(
        "Be brief.",
        {"task.en1": "Task: Object Detection"},
        "objects",
        number_categories(["cat"]),
        "none",
        {},
        {},
    )
    save_card(card, folder)
    generator = np.random.default_rng(0)
    records = []
    for number, (width, height) in enumerate(SIZES):
        name = f"images/{number}.png"
        write_picture(generator, (height, width), KINDS.get(number, "RGB"), folder / name)
        system = [] if number == 1 else [{"role": "system", "content": " Be brief. \n"}]
        question = {"role": "user", "content": "<image>\nTask: Object Detection "}
        if number == 2:
            question["content"] = "Look: <image> Where is the cat?\n"
        answer = {"role": "assistant", "content": "<ref-object><bbox>"}
        objects = {"ref": ["cat"], "bbox": [[1, 2, 300, 400]]}
        record = {"messages": [*system, question, answer], "images": [name], "objects": objects}
        if number == TALK:
            record["messages"] += MORE
            record["objects"] = {"ref": ["cat"] * 2, "bbox": [[1, 2, 300, 400]] * 2}
        records.append(describing(record, SHOWN[number], folder) if number in SHOWN else record)
    records += [about_several(numbers, questions) for numbers, questions in SEVERAL]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    about_boxes = read_questions(folder, "train")[: -len(SEVERAL)]
    questions = [*about_boxes, *read_region_questions(folder, "train")]
    assert len(questions) == len(SIZES)
    return [question.request for question in questions]


@pytest.fixture(scope="module")
def trained(requests: list[Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the checkpoint folder as training leaves it, and what training saw."""
    folder = tmp_path_factory.mktemp("run")
    base, checkpoint, encoded = folder / "base", folder / "checkpoint", folder / "encoded.npz"
    jsonl = requests[0].picture.parents[1] / "train.jsonl"
    commands = [["-m", "train.tiny", base], [__file__, base, jsonl, checkpoint, encoded]]
    for command in commands:
        done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    with np.load(encoded) as arrays:
        return checkpoint, dict(arrays)


def test_inference_and_app_encode_what_training_encoded(
    requests: list[Any], trained: tuple[Path, Any], tmp_path: Path
) -> None:
    from infer.engines.protocol import chat_messages
    from models.qwen3_vl.encoding import PromptEncoder
    from visualize.app.uploads.checked_picture import open_upload

    checkpoint, arrays = trained
    encoder = PromptEncoder(checkpoint)
    assert len(arrays) == 4 * (len(SIZES) + len(SEVERAL))  # no record was skipped
    for number, request in enumerate(requests):
        prompt = encoder.encode(request.images, chat_messages(request))
        token_ids, labels = arrays[f"token_ids_{number}"], arrays[f"labels_{number}"]
        length = int(np.argmax(labels != -100)) + 1  # labels are shifted: the last prompt token has one
        assert encoder.tokenizer.decode(prompt.token_ids) == encoder.tokenizer.decode(
            token_ids[:length].tolist()
        )
        assert prompt.token_ids == token_ids[:length].tolist()
        assert prompt.image_grid_thw.tolist() == arrays[f"image_grid_thw_{number}"].tolist()
        assert np.array_equal(prompt.pixel_values.numpy(), arrays[f"pixel_values_{number}"])
        open_upload(request.picture, 1, 1).save(tmp_path / "upload.png")
        shown = encoder.encode([tmp_path / "upload.png"], chat_messages(request))
        assert np.array_equal(shown.pixel_values.numpy(), arrays[f"pixel_values_{number}"])
        answer = encoder.tokenizer.decode(token_ids[length:].tolist())
        begins = (
            "the cat on the left<|im_end|>"
            if number in SHOWN
            else "<|object_ref_start|>cat<|object_ref_end|>"
        )
        assert answer.startswith(begins)
        assert answer.rstrip().endswith("<|im_end|>")


@pytest.mark.parametrize("number", [TALK, len(SIZES), len(SIZES) + 1])
def test_all_turns_are_asked_as_they_were_trained(
    requests: list[Any], trained: tuple[Path, Any], number: int
) -> None:
    """Also those about several pictures, which have all pixels of training, in its order."""
    from grounding.record.conversation import parse_record
    from infer.asking.conversation_turns import turn_requests
    from infer.engines.protocol import chat_messages
    from models.qwen3_vl.encoding import PromptEncoder

    checkpoint, arrays = trained
    encoder, dataset = PromptEncoder(checkpoint), requests[0].picture.parents[1]
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    record = parse_record(json.loads(lines[number]))
    turns = turn_requests(record, dataset)
    token_ids, labels = arrays[f"token_ids_{number}"], arrays[f"labels_{number}"]
    is_learned = (labels != -100).astype(int)
    starts = np.flatnonzero(np.diff(is_learned, prepend=0) == 1) + 1  # labels are shifted
    assert len(turns) == len(starts) == (3 if number == TALK else len(SEVERAL[number - len(SIZES)][1]))
    for turn, start, answer in zip(turns, starts.tolist(), record.answers, strict=True):
        prompt = encoder.encode(turn.images, chat_messages(turn))
        assert encoder.tokenizer.decode(prompt.token_ids) == encoder.tokenizer.decode(
            token_ids[:start].tolist()
        )
        assert prompt.token_ids == token_ids[:start].tolist()
        assert encoder.tokenizer.decode(token_ids[start:].tolist()).startswith(f"{answer}<|im_end|>")
        patches, grids = len(prompt.pixel_values), len(prompt.images)
        assert prompt.image_grid_thw.tolist() == arrays[f"image_grid_thw_{number}"][:grids].tolist()
        assert np.array_equal(prompt.pixel_values.numpy(), arrays[f"pixel_values_{number}"][:patches])
    assert len(prompt.images) == len(record.images)
    assert len(prompt.pixel_values) == len(arrays[f"pixel_values_{number}"])


def test_the_resolution_of_training_goes_with_the_checkpoint(
    requests: list[Any], trained: tuple[Path, Any]
) -> None:
    from infer.engines.protocol import chat_messages
    from models.qwen3_vl.encoding import PromptEncoder

    large, patch = requests[1], 8
    messages = chat_messages(large)
    trained_grid = PromptEncoder(trained[0]).encode(large.images, messages).image_grid_thw[0].tolist()
    assert trained_grid[1] * trained_grid[2] * patch**2 <= MAX_PIXELS
    base_grid = (
        PromptEncoder(trained[0].parent / "base").encode(large.images, messages).image_grid_thw[0].tolist()
    )
    assert base_grid[1] * base_grid[2] * patch**2 > MAX_PIXELS


if __name__ == "__main__":
    encode_as_training(*sys.argv[1:])
