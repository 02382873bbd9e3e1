"""The steps that are counted without decoding an image are PaddleFormers' own."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import ForkedWords
from tests.train.lengths.odd_records import write_records
from train.launch.command import environment

ROOT = Path(__file__).resolve().parents[3]
COUNTER = Path(__file__).with_name("estimated.py")
COUNTED = "COUNTED "


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("counted")
    return write_records(folder / "many", 60), write_records(folder / "few", 23)


def count_both(
    words: ForkedWords, recipes: list[Path], processes: int, folder: Path
) -> list[dict[str, dict[str, Any]]]:
    """Return both counts of each recipe, made by this many processes."""
    values = {"tensor_model_parallel_size": processes, "model_name_or_path": str(folder)}
    (folder / "logs").mkdir()
    done = subprocess.run(
        [*words(processes, folder / "logs"), str(COUNTER), *map(str, recipes)],
        cwd=folder,
        env={**os.environ, **environment(values, folder, has_gpu=False), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(log.read_text() for log in (folder / "logs").iterdir())
    assert done.returncode == 0, (done.stderr + done.stdout + logs)[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith(COUNTED)]
    return [json.loads(line.removeprefix(COUNTED)) for line in lines]


Variants = dict[str, dict[str, object]]
ONE_PROCESS: Variants = {
    "batches": {},
    "all too long but a few": {"max_seq_len": 110},
    "slow image processor": {"processor_use_fast": False},
    "small images": {"max_pixels": 1024},
    "no shuffling": {"random_shuffle": False, "num_train_epochs": 1.5},
    "packs": {"packing": True, "max_seq_len": 400},
    "greedy packs": {"packing": True, "binpacking": False, "max_seq_len": 400},
    "plain packs": {"packing": True, "binpacking": False, "greedy_intokens": False, "max_seq_len": 300},
    "small intervals": {"packing": True, "packing_interval": 7, "max_seq_len": 400},
    "truncated": {"truncation_strategy": "right", "max_seq_len": 90},
    "truncated left": {"truncation_strategy": "left", "max_seq_len": 60},
    "oral": {"truncation_strategy": "oral", "max_seq_len": 130},
    "thoughts": {"template": "qwen3_vl"},
    "part of the records": {"max_estimate_samples": 20},
    "processes of its own": {"dataset_num_proc": 2, "dataloader_num_workers": 0},
    "an index": {"dataset_type": "map", "packing": True, "max_seq_len": 400},
}
TWO_PROCESSES: Variants = {"batches": {}, "packs": {"packing": True, "max_seq_len": 400}}
MIXED: Variants = {
    "over": {"mix_strategy": "interleave_over"},
    "under": {"mix_strategy": "interleave_under"},
    "over, packed": {"mix_strategy": "interleave_over", "packing": True, "max_seq_len": 400},
    "concatenated": {"mix_strategy": "concat"},
}


@pytest.fixture
def write_variants(
    write_recipe: Callable[..., Path], two_files: tuple[Path, Path], tmp_path: Path
) -> Callable[..., list[Path]]:
    def write(variants: Variants, **shared: object) -> list[Path]:
        paths = []
        for number, changes in enumerate(variants.values()):
            folder = tmp_path / str(number)
            folder.mkdir()
            usual = {"train_dataset_path": str(two_files[0]), "max_steps": -1, "num_train_epochs": 2.0}
            paths.append(write_recipe(folder, **{**usual, **shared, **changes}))
        return paths

    return write


def check_both(variants: Variants, counted: list[dict[str, dict[str, Any]]]) -> None:
    assert len(counted) == len(variants)
    for name, row in zip(variants, counted, strict=True):
        own, ours = dict(row["own"]), dict(row["ours"])
        assert own.pop("loads") > 0 or variants[name].get("dataset_num_proc"), name
        assert ours.pop("loads") == 0, name
        assert ours == own, name
        assert own["max_steps"] > 0, name


@pytest.mark.slow
def test_one_process(
    write_variants: Callable[..., list[Path]], forked_words: ForkedWords, tmp_path: Path
) -> None:
    check_both(ONE_PROCESS, count_both(forked_words, write_variants(ONE_PROCESS), 1, tmp_path))


@pytest.mark.slow
def test_several_data_sets(
    write_variants: Callable[..., list[Path]],
    two_files: tuple[Path, Path],
    forked_words: ForkedWords,
    tmp_path: Path,
) -> None:
    paths = {
        "train_dataset_path": f"{two_files[0]},{two_files[1]}#30",
        "train_dataset_type": "messages,messages",
        "train_dataset_prob": "0.7,0.3",
    }
    check_both(MIXED, count_both(forked_words, write_variants(MIXED, **paths), 1, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 1])
def test_two_processes(
    write_variants: Callable[..., list[Path]], forked_words: ForkedWords, tmp_path: Path, parts: int
) -> None:
    """Two parts of one model, and two models that each read half of the records."""
    recipes = write_variants(TWO_PROCESSES, tensor_model_parallel_size=parts, split_param=False)
    counted = count_both(forked_words, recipes, 2, tmp_path)
    check_both(TWO_PROCESSES, counted)
    assert [row["ours"]["global_batch_size"] for row in counted] == [2 * (3 - parts)] * len(counted)
