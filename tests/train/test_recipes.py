"""The recipes of recipes/train: what their files and the table say, and each of them run on a CPU."""

import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from grounding.recipe.arguments import read_overlay
from tests.train.conftest import TrainHere
from tests.train.pair_files import write_pairs
from train.__main__ import main
from train.keys import OWN_PREFIX
from train.objectives.grpo.grpo_settings import read_grpo
from train.objectives.grpo.update_steps import steps_of_update
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe
from train.recipe import resolve_recipe
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

SHORTER = ["max_steps=2", "eval_steps=1", "save_steps=1"]
"""Words that leave the overlay one step before an evaluation and a checkpoint, and one after them."""

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "recipes" / "train"
OVERLAY = FOLDER / "overlays" / "cpu.yaml"
README = ROOT / "recipes" / "README.md"
RECIPES = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
CURRICULUM = sorted(FOLDER.glob("*_curriculum_*.yaml"))
CURRICULUM_NAME = "curriculum"
ALONE = {name: path for name, path in RECIPES.items() if path not in CURRICULUM}
ROW = re.compile(
    r"^\| (qwen3_vl_\w+)\.yaml \| ((?:\d x )+)(\d+) GB \| (?:`(.*)`)? *\| (\d+) \|$", re.MULTILINE
)

PLACES = {"output_dir", "logging_dir"}
DEGREES = {"tensor_model_parallel_size", "sharding_parallel_size", "gradient_accumulation_steps"}
EXPERTS = {"expert_model_parallel_size", "use_expert_parallel", "sequence_parallel", "grounding_backend"}
ADAPTER = {"fine_tuning", "lora_rank", "learning_rate"}
PAIRS = {"stage", "beta", "loss_type", "pref_loss_ratio", "sft_loss_ratio", "learning_rate", "packing"}
PAIRS |= {"train_dataset_path", "eval_dataset_path", "freeze_config"}
MIXED = {"train_dataset_path", "train_dataset_type", "train_dataset_prob", "mix_strategy"}
"""The keys of a round on hard examples."""
REWARDED = {
    "grounding_grpo",
    "grounding_eval_samples",
    "freeze_config",
    "packing",
    "max_seq_len",
    "max_steps",
}
REWARDED |= {"num_train_epochs", "per_device_train_batch_size", "learning_rate", "lr_scheduler_type"}
REWARDED |= {"logging_steps", "eval_steps", "max_evaluate_steps", "per_device_eval_batch_size", "save_steps"}
"""The keys of a recipe that learns from sampled answers."""

# Attention heads, key-value heads and experts of the published config.json.
MODELS = {
    "Qwen/Qwen3-VL-2B-Instruct": (16, 8, 0),
    "Qwen/Qwen3-VL-4B-Instruct": (32, 8, 0),
    "Qwen/Qwen3-VL-8B-Instruct": (32, 8, 0),
    "Qwen/Qwen3-VL-32B-Instruct": (64, 8, 0),
    "Qwen/Qwen3-VL-30B-A3B-Instruct": (32, 4, 128),
}


def read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return values


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key, ...) != other.get(key, ...)}


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("qwen3_vl")])
def test_siblings_differ_only_where_they_must(name: str) -> None:
    allowed = PLACES | DEGREES | {"model_name_or_path"}
    if "30b_a3b" in name:
        allowed |= EXPERTS
    if name == "qwen3_vl_30b_a3b_lora":
        allowed |= {"freeze_config"}
    if "lora" in name or name == "qwen3_vl_8b_grpo":
        allowed |= ADAPTER
    if name.endswith("_grpo"):
        allowed |= REWARDED
    if "curriculum" in name:
        allowed |= {"freeze_config", "learning_rate"}
    if "dpo" in name:
        allowed |= PAIRS
    if name.endswith("_hard"):
        allowed |= MIXED
    if name == "qwen3_vl_32b_full":
        allowed |= {"amp_master_grad", "max_seq_len"}
    values = read(RECIPES[name])
    assert differing(values, read(RECIPES["qwen3_vl_8b_full"])) <= allowed
    assert values["output_dir"] == f"checkpoints/{name}"


def test_the_tiny_siblings_differ_only_where_they_must() -> None:
    places = PLACES | {"model_name_or_path", "max_steps", "save_steps", "eval_steps"}
    assert differing(read(RECIPES["tiny_full"]), read(RECIPES["tiny_lora"])) <= ADAPTER | places


def test_recipes_of_pairs_start_where_the_recipe_before_them_ends() -> None:
    for kind in ("full", "lora"):
        values, before = read(RECIPES[f"qwen3_vl_8b_{kind}_dpo"]), read(RECIPES[f"qwen3_vl_8b_{kind}"])
        folder = before["output_dir"] + ("/export" if kind == "lora" else "")
        assert values["model_name_or_path"] == folder
        assert values["train_dataset_path"] == f"{folder}/pairs/train.jsonl"
        assert values["eval_dataset_path"] == f"{folder}/pairs/val.jsonl"
    places = PLACES | {"model_name_or_path", "max_seq_len", "max_steps", "save_steps", "eval_steps"}
    logs = {"logging_steps", "per_device_eval_batch_size", "grounding_eval_samples"}
    assert differing(read(RECIPES["tiny_full"]), read(RECIPES["tiny_dpo"])) <= PAIRS | places | logs


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("_hard")])
def test_a_round_on_hard_examples_mixes_what_was_mined_with_the_data_of_the_round_before(name: str) -> None:
    values = read(RECIPES[name])
    before = read(RECIPES[supervised(name)])
    assert values["model_name_or_path"].removesuffix("/export") == before["output_dir"]
    plain, mined = values["train_dataset_path"].split(",")
    assert plain == before["train_dataset_path"]
    assert mined == f"{values['model_name_or_path']}/hard/train.jsonl"
    shares = [float(share) for share in values["train_dataset_prob"].split(",")]
    assert sum(shares) == 1
    assert differing(values, before) <= MIXED | PLACES | {
        "model_name_or_path", "learning_rate", "seed", "max_steps", "eval_steps", "save_steps",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("_grpo")])
def test_a_recipe_that_learns_from_rewards_follows_its_supervised_one(name: str) -> None:
    values, before = read(RECIPES[name]), read(RECIPES[supervised(name)])
    assert values["model_name_or_path"].removesuffix("/export") == before["output_dir"]
    is_lora = values["fine_tuning"] == before["fine_tuning"] == "LoRA"
    if name == "tiny_grpo":
        return
    assert values["model_name_or_path"].endswith("/export") == is_lora
    assert values["learning_rate"] == (1.0e-5 if is_lora else 1.0e-6)
    assert values["freeze_config"] == "freeze_vision"
    settings = read_grpo(values["grounding_grpo"])
    assert settings is not None
    assert steps_of_update(settings, values["per_device_train_batch_size"], 8) == 1
    asked = settings.prompts * values["sharding_parallel_size"] * values["max_steps"]
    assert 5_000 <= asked <= 10_000


@pytest.mark.parametrize("path", RECIPES.values(), ids=lambda path: path.stem)
def test_a_recipe_opens_with_what_it_needs(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert f"# Command:  python -m train recipes/train/{path.name}" in header
    for word in ("# Before: ", "# Hardware: ", "# Time: ", "# Score: "):
        assert word in header


def test_the_curriculum_frees_one_part_after_the_other() -> None:
    first, second, third = map(read, CURRICULUM)
    assert [step.get("freeze_config") for step in (first, second, third)] == [
        "freeze_vision freeze_llm",
        "freeze_vision",
        None,
    ]
    assert second["model_name_or_path"] == first["output_dir"]
    assert third["model_name_or_path"] == second["output_dir"]


def model_of(name: str) -> str:
    """Return the published model that a recipe trains, from the checkpoint of an earlier one or not."""
    is_later = "curriculum" in name or name.endswith("_dpo")
    first = "qwen3_vl_8b_full" if is_later else supervised(name)
    return read(RECIPES[first])["model_name_or_path"]


def supervised(name: str) -> str:
    """Return the recipe whose model a round of hard examples or rewards begins with, else its own."""
    others = {"tiny_grpo": "tiny_full", "tiny_hard": "tiny_full", "qwen3_vl_8b_grpo": "qwen3_vl_8b_lora"}
    return others.get(name, name.removesuffix("_grpo").removesuffix("_hard"))


def table_rows() -> list[tuple[str, int, int, str, int]]:
    """Return (recipe, GPUs, GiB of a GPU, ARGS, calculated GiB) of the README's table."""
    rows = []
    for name, counts, memory, words, calculated in ROW.findall(README.read_text(encoding="utf-8")):
        gpus = 1
        for count in re.findall(r"\d", counts):
            gpus *= int(count)
        rows.append((name, gpus, int(memory), words, int(calculated)))
    return rows


def test_the_table_has_every_recipe_first_as_it_is_written() -> None:
    first_words: dict[str, str] = {}
    for name, _, _, words, _ in table_rows():
        first_words.setdefault(name, words)
    assert set(first_words) == {name for name in RECIPES if name.startswith("qwen3_vl")}
    assert not any(first_words.values())


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: f"{row[0]}-{row[1]}x{row[2]}")
def test_a_row_of_the_table_is_a_recipe_that_fits(row: tuple[str, int, int, str, int]) -> None:
    name, gpus, _, words, _ = row
    values = check_recipe(RECIPES[name], words.split(), checks=RECIPE_CHECKS)
    tensor, sharding = values["tensor_model_parallel_size"], values["sharding_parallel_size"]
    assert tensor * sharding == gpus
    tokens = values["max_seq_len"] * values["per_device_train_batch_size"]
    if not name.endswith("_grpo"):
        assert tokens * values["gradient_accumulation_steps"] * sharding == 16 * 8192

    heads, key_value_heads, experts = MODELS[model_of(name)]
    assert heads % tensor == 0
    assert key_value_heads % tensor == 0
    split = values.get("expert_model_parallel_size", 1)
    assert (split > 1) == (experts > 0)
    assert experts % split == 0
    assert gpus % split == 0
    assert split == 1 or sharding % (gpus // split) == 0
    # Sharded optimizer states are refused without gradients in float32.
    assert values["amp_master_grad"] or sharding == 1


@pytest.mark.parametrize("row", table_rows(), ids=lambda row: f"{row[0]}-{row[1]}x{row[2]}")
def test_a_row_of_the_table_says_what_the_plan_says(row: tuple[str, int, int, str, int]) -> None:
    memory_plan = pytest.importorskip("train.plan.memory", reason="without the memory plan")
    shapes = pytest.importorskip("models.lookup", reason="without the memory plan")
    name, gpus, memory, words, calculated = row
    values = resolve_recipe(RECIPES[name], words.split())
    plan = memory_plan.plan_memory(values, shapes.model_config(model_of(name)), gpus, memory)
    assert plan.fits
    assert plan.total_bytes_per_gpu / memory_plan.GIB == pytest.approx(calculated, abs=1)


# Real runs.


@pytest.fixture(scope="module")
def workplace(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, prepared_data: Path
) -> Callable[[str], list[str]]:
    """Return the words that put a recipe's run on this test's model and data."""
    folder = tmp_path_factory.mktemp("recipes")
    mixture = folder / "mixture"
    write_tiny_model(mixture, TinySettings(experts=4))
    pairs = write_pairs(folder / "pairs")

    def words(name: str) -> list[str]:
        data = pairs if name.endswith("_dpo") else prepared_data
        files = [str(data / "train.jsonl")] * (2 if name.endswith("_hard") else 1)
        return [
            f"model_name_or_path={mixture if '30b_a3b' in name else tiny_model}",
            f"train_dataset_path={','.join(files)}",
            f"train_dataset_type={','.join('messages' for _ in files)}",
            f"train_dataset_prob={','.join(f'{1 / len(files):.1f}' for _ in files)}",
            f"eval_dataset_path={data / 'val.jsonl'}",
            # A model that knows nothing writes answers of any length.
            *(["grounding_grpo={group: 8, prompts: 8, max_new_tokens: 8}"] if name.endswith("_grpo") else []),
            f"output_dir={folder / name}",
        ]

    return words


@pytest.mark.slow
@pytest.mark.xdist_group("recipes")
@pytest.mark.parametrize("name", ALONE)
def test_a_recipe_runs_on_a_cpu(
    train_here: TrainHere, workplace: Callable[[str], list[str]], name: str
) -> None:
    words = workplace(name)
    code, said = train_here([ALONE[name]], [*read_overlay(OVERLAY), *words, *SHORTER])
    assert code == 0, said
    folder = Path(words[-1].removeprefix("output_dir="))
    assert list(folder.glob("*.safetensors"))
    assert_ran_as_its_recipe_says(RECIPES[name], folder, {word.partition("=")[0] for word in words}, steps=2)


def assert_ran_as_its_recipe_says(path: Path, folder: Path, replaced: set[str], *, steps: int) -> None:
    """Compare what PaddleFormers says of its keys with the recipe, but for what was replaced."""
    log = re.sub(r"\x1b\[[\d;]*m", "", (folder / "logs" / "train.log").read_text(encoding="utf-8"))
    overlay = read(OVERLAY)
    assert re.findall(r" loss: [-\d.]+, .*global_step: (\d+)", log) == [
        str(step + 1) for step in range(steps)
    ]
    said = dict(re.findall(r"DEBUG\] - (\w+) *: (.*)$", log, re.MULTILINE))
    said["max_pixels"] = str(yaml.safe_load((folder / "preprocessor_config.json").read_text())["max_pixels"])
    in_force = {
        key: value
        for key, value in resolve_recipe(path).items()
        if key not in {*overlay, *replaced, "logging_dir"} and not key.startswith(OWN_PREFIX)
    }
    assert {"template", "stage", "fine_tuning", "learning_rate", "gradient_accumulation_steps"} <= set(
        in_force
    )
    for key, value in in_force.items():
        shown = re.sub(r"^[A-Z]\w+\.(?=[A-Z])", "", said[key])  # SchedulerType.COSINE
        assert shown.lower() == str(value).lower(), key
    for key in ("model_name_or_path", "max_steps", "device", "_attn_implementation"):
        assert said[key] == str(read(folder / "train.yaml")[key])
    assert read(folder / "train.yaml").keys() == resolve_recipe(path).keys() | overlay.keys()


@pytest.mark.slow
@pytest.mark.xdist_group("recipes")
def test_the_curriculum_trains_what_it_says(
    workplace: Callable[[str], list[str]],
    train_here: TrainHere,
    in_forks: Callable[[], AbstractContextManager[None]],
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from safetensors.numpy import load_file

    words = workplace(CURRICULUM_NAME)
    folder_of_all = Path(words[-1].removeprefix("output_dir="))
    command = ["python -m train", *map(str, CURRICULUM), *words, "--overlay", str(OVERLAY)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with in_forks():
        assert main() == 0

    weights = [load_file(tiny_model / "model.safetensors")]
    for path in CURRICULUM:
        folder = folder_of_all / path.stem
        assert_ran_as_its_recipe_says(path, folder, {word.partition("=")[0] for word in words}, steps=3)
        weights.append(load_file(next(folder.glob("model-*.safetensors"))))
    aligner = {name for name in weights[0] if name.startswith("model.visual.merger.")}
    language = {name for name in weights[0] if not name.startswith("model.visual.")}
    vision = set(weights[0]) - aligner - language
    assert aligner
    assert language
    assert vision
    changed = [
        {name for name in before if (before[name] != after[name]).any()}
        for before, after in pairwise(weights)
    ]
    assert changed == [aligner, aligner | language, aligner | language | vision]

    code, said = train_here(CURRICULUM, [*read_overlay(OVERLAY), *words])
    assert code == 0, said
    assert said.count("is trained already") == 3
