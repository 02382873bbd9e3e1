"""The trainings of the check: the project's own recipes, with the keys that make them short."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.layout import JSONL_FILES
from train.gpu_check.finding import StepFailedError
from train.gpu_check.workplace import Workplace
from train.keys import BACKEND_KEY, Backend

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes" / "train"

FULL, ADAPTER, MIXTURE = "full", "adapter", "mixture"
"""What is trained: all weights, an adapter, or an adapter of a model with experts."""

GPU_RECIPES = {
    FULL: "qwen3_vl_2b_full.yaml",
    ADAPTER: "qwen3_vl_2b_lora.yaml",
    MIXTURE: "qwen3_vl_30b_a3b_lora.yaml",
}
CPU_RECIPES = {FULL: "tiny_full.yaml", ADAPTER: "tiny_lora.yaml", MIXTURE: GPU_RECIPES[MIXTURE]}

SHORT = {
    "logging_steps": 1,
    "do_eval": False,
    "evaluation_strategy": "no",
    "save_strategy": "no",
    "grounding_eval_samples": 0,
    "dataloader_num_workers": 1,
    "gradient_accumulation_steps": 1,
}
"""Keys of every training of the check."""

ON_GPU = {"max_seq_len": 1024}
ON_CPU = {"per_device_train_batch_size": 4}
ADAPTER_RATE = {True: 1.0e-3, False: 3.0e-2}
"""Learning rates of adapters on GPUs and of the tiny model's: some steps have to change the answers."""


@dataclass(frozen=True)
class Training:
    """A training: a recipe with an overlay or None, the keys that replace the recipe's, and its folder."""

    recipe: Path
    overlay: Path | None
    keys: dict[str, Any]
    run: Path
    gpus: int = 1

    @property
    def words(self) -> list[str]:
        """The words behind `python`."""
        overlay = ["--overlay", str(self.overlay)] if self.overlay else []
        return ["-m", "train", str(self.recipe), *overlay, *self.overrides]

    @property
    def overrides(self) -> list[str]:
        """The keys as `key=value` words."""
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in self.keys.items()]


def plan_training(
    place: Workplace,
    step: str,
    kind: str,
    backend: str,
    *,
    run: str = "run",
    gpus: int = 1,
    data: Path | None = None,
    **changes: Any,
) -> Training:
    """Return a training in the folder of a step.

    `data` replaces the JSONL of the training records; `changes` are keys of the recipe.
    """
    has_gpu = place.machine.has_gpu
    recipe = RECIPES / (GPU_RECIPES if has_gpu else CPU_RECIPES)[kind]
    folder = place.folder_of(step) / run
    models = {FULL: place.model, ADAPTER: place.taught_model, MIXTURE: place.mixture}
    keys = {
        "model_name_or_path": str(models[kind]),
        "train_dataset_path": str(data or place.data / JSONL_FILES["train"]),
        "eval_dataset_path": str(place.data / JSONL_FILES["val"]),
        "output_dir": str(folder),
        "logging_dir": str(folder / "visualdl"),
        BACKEND_KEY: backend,
        **SHORT,
        **(ON_GPU if has_gpu else ON_CPU),
        **({} if kind == FULL else {"learning_rate": ADAPTER_RATE[has_gpu]}),
        **_needs_of_classes(kind, backend),
        **changes,
    }
    overlay = None if has_gpu or kind != MIXTURE else RECIPES / "overlays" / "cpu.yaml"
    return Training(recipe, overlay, keys, folder, gpus)


def _needs_of_classes(kind: str, backend: str) -> dict[str, Any]:
    """Return the keys that one of the two kinds of classes needs (train/preflight/backend_keys.py)."""
    if kind == MIXTURE and backend == Backend.PLAIN.value:
        return {"expert_model_parallel_size": 1, "use_expert_parallel": False}
    if kind == ADAPTER and backend == Backend.FLEET.value:
        return {"freeze_config": "freeze_vision freeze_aligner"}
    return {}


def run_training(place: Workplace, step: str, training: Training) -> None:
    """Train to the end.

    Raises:
        StepFailedError: the training has failed.
    """
    place.run(step, training.words, gpus=training.gpus)


def infer_words(
    place: Workplace, checkpoint: Path, output: Path, *, device: str, batch_size: int = 8
) -> list[str]:
    """Return the words behind `python` that ask a checkpoint about the validation images in float32."""
    keys: dict[str, Any] = {
        "checkpoint": str(checkpoint),
        "dataset": str(place.data),
        "output_dir": str(output),
        "device": device,
        "dtype": "float32",
        "batch_size": batch_size,
        "max_new_tokens": 160 if place.machine.has_gpu else 40,
    }
    words = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return ["-m", "infer", str(ROOT / "recipes" / "infer" / "demo.yaml"), *words]


def ask(place: Workplace, step: str, checkpoint: Path, output: str, **how: Any) -> None:
    """Ask a checkpoint; the predictions are in the folder `output` of the step.

    On a GPU, products are computed in full float32 precision: TF32 would round them to 10 bits.

    Raises:
        StepFailedError: the command has failed.
    """
    words = infer_words(place, checkpoint, place.folder_of(step) / output, **how)
    place.run(step, words, variables={"NVIDIA_TF32_OVERRIDE": "0"})


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write lines of JSON beside the data set's own, whose images they name.

    Raises:
        StepFailedError: there are no lines.
    """
    if not lines:
        raise StepFailedError(f"{path.name}: there are no records to write")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
