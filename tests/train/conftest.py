"""A tiny model and a small drawn data set, made once for all tests of train/."""

import io
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image, ImageDraw

from grounding.boxes import Size, from_grid
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.prompts import SYSTEM_PROMPT
from models.arithmetic import fast_arithmetic
from tests.forks.start import ASKING, forking
from train.launch import start
from train.launch.command import INSIDE, PADDLEFORMERS_FLAGS
from train.launch.run_folder import log_of
from train.tiny.model import write_tiny_model

ROOT = Path(__file__).resolve().parents[2]
TINY_RECIPE = ROOT / "recipes" / "train" / "tiny_full.yaml"
PLAIN_PROCESS = str(INSIDE / "plain_process.py")
HANG_SECONDS = 900
"""A run that takes longer hangs; no test measures the time."""

COLOURS = {"red": (220, 40, 40), "blue": (50, 80, 220)}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "base"
    write_tiny_model(folder)
    return folder


@pytest.fixture
def load_model() -> Callable[[Path], Any]:
    """Load a model folder as plain Paddle, in float32."""
    from paddleformers.transformers import AutoConfig

    from models.qwen3_vl.plain_classes import plain_class

    def load(folder: Path) -> Any:
        config = AutoConfig.from_pretrained(str(folder))
        for part in (config, config.text_config, config.vision_config):
            part._attn_implementation = "eager"
        config.text_config.fuse_rms_norm = False  # an export does not say so, and the kernel is for GPUs
        return plain_class(config.model_type).from_pretrained(
            str(folder),
            config=config,
            dtype="float32",
            load_checkpoint_format="flex_checkpoint",
            convert_from_hf=True,
        )

    return load


@pytest.fixture(scope="session")
def vision_tokens(tiny_model: Path) -> tuple[int, int, int]:
    """Ids of an image's token and of its start and end."""
    config = json.loads((tiny_model / "config.json").read_text())
    return config["image_token_id"], config["vision_start_token_id"], config["vision_end_token_id"]


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 48), ("val", 8)):
        rows = [_draw(folder, split, number) for number in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _draw(folder: Path, split: str, number: int) -> dict[str, object]:
    chance = random.Random(f"{split} {number}")
    colour = chance.choice(sorted(COLOURS))
    side, x, y = chance.randint(2, 4) * 8, chance.randint(0, 4) * 8, chance.randint(0, 4) * 8
    image = Image.new("RGB", (64, 64), (128, 128, 128))
    ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=COLOURS[colour])
    name = f"images/{split}_{number}.png"
    (folder / "images").mkdir(exist_ok=True)
    image.save(folder / name)
    box = [round(value * 1000 / 64) for value in (x, y, x + side, y + side)]
    return {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "<image>Task: Object Detection"},
            {"role": "assistant", "content": "<ref-object><bbox>"},
        ],
        "images": [name],
        "objects": {"ref": [f"{colour} square"], "bbox": [box]},
    }


@pytest.fixture(scope="session")
def write_recipe(tiny_model: Path, drawn_data: Path) -> Callable[..., Path]:
    """Write tiny_full.yaml for the tests' model and data, with changes; ... removes a key."""

    def write(folder: Path, **changes: object) -> Path:
        values = yaml.safe_load(TINY_RECIPE.read_text(encoding="utf-8"))
        values |= {
            "model_name_or_path": str(tiny_model),
            "train_dataset_path": str(drawn_data / "train.jsonl"),
            "eval_dataset_path": str(drawn_data / "val.jsonl"),
            "output_dir": str(folder / "run"),
            "logging_dir": str(folder / "run" / "visualdl"),
            "max_steps": 6,
            "save_steps": 3,
            "logging_steps": 1,
            "per_device_train_batch_size": 2,
            "do_eval": False,
            "evaluation_strategy": "no",
            "grounding_eval_samples": 0,
        }
        values |= changes
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in values.items() if value is not ...}))
        return path

    return write


@pytest.fixture
def make_recipe(tmp_path: Path, write_recipe: Callable[..., Path]) -> Callable[..., Path]:
    """Write a recipe of this test's own."""
    return partial(write_recipe, tmp_path)


@pytest.fixture
def recipe(make_recipe: Callable[..., Path]) -> Path:
    """A recipe that passes the check."""
    return make_recipe()


@pytest.fixture(scope="session")
def prepared_data(drawn_data: Path) -> Path:
    """The drawn data with the card and the annotations of a prepared data set."""
    categories = number_categories([f"{colour} square" for colour in sorted(COLOURS)])
    save_card(
        Card(SYSTEM_PROMPT, {"task.en1": "Task: Object Detection"}, "objects", categories, "none", {}, {}),
        drawn_data,
    )
    numbers = {category.name: category.id for category in categories}
    images, annotations = [], []
    for number, line in enumerate((drawn_data / "val.jsonl").read_text().splitlines(), start=1):
        record = json.loads(line)
        images.append({"id": number, "file_name": record["images"][0], "width": 64, "height": 64})
        box = from_grid(*record["objects"]["bbox"][0], Size(64, 64))
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": numbers[record["objects"]["ref"][0]],
                "bbox": list(box.xywh),
                "area": box.area,
                "iscrowd": 0,
            }
        )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": category.id, "name": category.name} for category in categories],
    }
    (drawn_data / "annotations_val.json").write_text(json.dumps(content))
    return drawn_data


TrainTiny = Callable[..., Path]
TrainHere = Callable[[Sequence[Path], Sequence[str]], tuple[int, str]]


@pytest.fixture(scope="session")
def forking_trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a process that trains in forks."""
    has_no_gpu = {"CUDA_VISIBLE_DEVICES": "0", "PADDLE_DISTRI_BACKEND": "gloo", "OMP_NUM_THREADS": "1"}
    variables = {**PADDLEFORMERS_FLAGS, **fast_arithmetic(), **has_no_gpu}
    imports = Path(__file__).with_name("trainer_imports.py")
    with forking(sys.executable, imports, tmp_path_factory.mktemp("forks"), variables) as socket:
        yield socket


ForkedWords = Callable[..., list[str]]


@pytest.fixture(scope="session")
def forked_words(forking_trainer: Path) -> ForkedWords:
    """Return the words that run a script in forks of a process that has PaddleFormers imported.

    They stand before the script in the place of a Python, or of Paddle's launcher with a number of processes
    and the folder of their logs.
    """

    def words(processes: int = 1, logs: str | Path = ".") -> list[str]:
        return [sys.executable, "-S", str(ASKING), str(forking_trainer), str(processes), str(logs)]

    return words


@pytest.fixture(scope="session")
def in_forks(forked_words: ForkedWords) -> Callable[[], AbstractContextManager[None]]:
    """Within this, what Paddle's launcher would start are forks of a process that imported PaddleFormers.

    At the end, the logs have to say that as many processes trained together.
    """

    @contextmanager
    def patched() -> Iterator[None]:
        counts: dict[Path, str] = {}
        plain = start.command

        def in_a_fork(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> list[str]:
            words = plain(recipe, folder, has_gpu)
            if PLAIN_PROCESS not in words:
                return words
            count, logs = (words[words.index(name) + 1] for name in ("--nproc_per_node", "--log_dir"))
            counts[log_of(folder)] = count
            return forked_words(int(count), logs) + words[words.index(PLAIN_PROCESS) :]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(start, "command", in_a_fork)
            yield
        for log, count in counts.items():
            said = re.findall(r"DEBUG\S* - world_size +: (\d+)", log.read_text(encoding="utf-8"))
            assert said[-1:] in ([count], []), f"{log}: {said} processes, not {count}"

    return patched


@pytest.fixture(scope="session")
def train_here(in_forks: Callable[[], AbstractContextManager[None]]) -> TrainHere:
    """Do what `python -m train` does in this process, which has Paddle imported; return exit code and log."""

    def run(recipes: Sequence[Path], words: Sequence[str]) -> tuple[int, str]:
        from train.launch.sequence import train_sequence

        said = io.StringIO()
        handler = logging.StreamHandler(said)
        logger = logging.getLogger("train")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            with pytest.MonkeyPatch.context() as patch, in_forks():
                patch.setenv("OMP_NUM_THREADS", "1")
                code = train_sequence(recipes, words)
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)
        return code, said.getvalue()

    return run


@pytest.fixture(scope="session")
def train_tiny(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, prepared_data: Path, train_here: TrainHere
) -> TrainTiny:
    """Run one of the tiny recipes for 20 steps, once for equal settings.

    Tests that use it belong to the xdist group "tiny", so that one worker has all of them.
    """
    runs: dict[str, Path] = {}

    def run(recipe: str = "tiny_full", **settings: object) -> Path:
        key = f"{recipe} {sorted(settings.items())}"
        if key not in runs:
            folder = tmp_path_factory.mktemp("run") / "run"
            values = {
                "model_name_or_path": tiny_model,
                "train_dataset_path": prepared_data / "train.jsonl",
                "eval_dataset_path": prepared_data / "val.jsonl",
                "output_dir": folder,
                "max_steps": 20,
                "logging_steps": 1,
                "eval_steps": 10,
                "per_device_eval_batch_size": 4,
                "grounding_eval_samples": 6,
                **settings,
            }
            words = [f"{name}={value}" for name, value in values.items()]
            code, said = train_here([TINY_RECIPE.with_stem(recipe)], words)
            assert code == 0, said
            runs[key] = folder
        return runs[key]

    return run


def logged_curve(run: Path, name: str) -> list[float]:
    """The values of a curve at every step, from the log."""
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    return [float(value) for value in re.findall(rf" {name}: ([\d.e-]+)", log)]


def read_losses(folder: Path) -> list[float]:
    """Return the loss of every step, from the log of a run that was started once."""
    text = (folder / "logs" / "train.log").read_text(encoding="utf-8")
    return [float(loss) for loss in re.findall(r"\bloss: ([\d.e-]+), learning_rate: ", text)]


STEPS, SAVE_STEPS = 24, 8
SHORT_STEPS = 8


@pytest.fixture
def train_short(
    make_recipe: Callable[..., Path], train_here: TrainHere, tmp_path: Path
) -> Callable[..., Path]:
    """Train SHORT_STEPS steps, with a checkpoint in the middle, and return the run's folder."""

    def train(name: str, **changes: Any) -> Path:
        folder = tmp_path / name
        steps = changes.get("max_steps", SHORT_STEPS)
        recipe = make_recipe(
            **{
                "output_dir": str(folder),
                "logging_dir": str(folder / "visualdl"),
                "max_steps": steps,
                "save_steps": steps // 2,
                "save_total_limit": 2,
                "warmup_ratio": 0.0,
                **changes,
            }
        )
        code, said = train_here([recipe], [])
        assert code == 0, said
        return folder

    return train


SLOW = {"gradient_accumulation_steps": 8}
"""Steps that take long enough to be interrupted between two of them."""


@pytest.fixture(scope="session")
def start_training() -> "Iterator[Callable[..., subprocess.Popen[str]]]":
    """Start `python -m train`; what it says comes back from communicate()."""
    started: list[subprocess.Popen[str]] = []

    def start(recipe: Path, *words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "train", str(recipe), *words],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell's background job ignores Ctrl-C, and what the tests start would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:  # a failed test has left it
            process.terminate()
            process.communicate()


@pytest.fixture(scope="session")
def finish_training(train_here: TrainHere) -> Callable[..., str]:
    """Train to the end and return what was said."""

    def finish(recipe: Path, *words: str) -> str:
        code, said = train_here([recipe], words)
        assert code == 0, said
        return said

    return finish


@pytest.fixture(scope="session")
def full_run(
    tmp_path_factory: pytest.TempPathFactory,
    write_recipe: Callable[..., Path],
    finish_training: Callable[..., str],
) -> Path:
    """A full run of a few steps that nothing has disturbed; its tests belong to the xdist group "runs"."""
    folder = tmp_path_factory.mktemp("full")
    finish_training(write_recipe(folder, max_steps=STEPS, save_steps=SAVE_STEPS, save_total_limit=1, **SLOW))
    return folder / "run"


@pytest.fixture(scope="session")
def interrupted_parallel_run(
    tmp_path_factory: pytest.TempPathFactory,
    write_recipe: Callable[..., Path],
    start_training: "Callable[..., subprocess.Popen[str]]",
    finish_training: Callable[..., str],
) -> dict[str, Any]:
    """A LoRA run of two tensor parallel processes, ended by Ctrl-C, then resumed; xdist group "runs"."""
    from grounding.run_record import read_run
    from train.launch.processes import marked

    folder = tmp_path_factory.mktemp("parallel")
    recipe = write_recipe(
        folder,
        fine_tuning="LoRA",
        lora_rank=8,
        learning_rate=3.0e-2,
        tensor_model_parallel_size=2,
        max_steps=STEPS,
        save_steps=SAVE_STEPS,
        save_total_limit=1,
        do_eval=True,
        evaluation_strategy="steps",
        eval_steps=STEPS,
        per_device_eval_batch_size=8,
    )
    run = folder / "run"
    process = start_training(recipe)
    deadline = time.monotonic() + HANG_SECONDS
    while not (run / f"checkpoint-{SAVE_STEPS}" / "files.json").is_file() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=HANG_SECONDS)
    record = read_run(run)
    assert record
    stopped = {"code": process.returncode, "said": said, "left": marked(record.mark)}
    return {"recipe": recipe, "run": run, "stopped": stopped, "resumed": finish_training(recipe)}
