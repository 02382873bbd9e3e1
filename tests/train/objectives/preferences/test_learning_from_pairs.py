"""Training on pairs through `python -m train`: full and LoRA, resumed, and in two processes."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infer.asking.dataset_questions import read_questions
from infer.engines.opening import open_engine
from infer.engines.settings import EngineSettings
from infer.pairs.pair_making import make_pairs
from infer.pairs.pair_settings import PairSettings
from tests.infer.pairs.answering import ListEngine
from tests.train.conftest import TrainHere, read_losses
from tests.train.pair_files import write_pairs
from train.export.folder_writer import export
from train.preflight.all_checks import check_recipe

FILES = {"train": "train", "eval": "val"}
TRAINED = re.compile(r" loss: \S+, learning_rate: .* rewards/margins: ([\d.e-]+)")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture
def train_pairs(
    make_recipe: Callable[..., Path], pairs: Path, train_here: TrainHere, tmp_path: Path
) -> Callable[..., Path]:
    """Train on pairs, and return the run's folder."""

    def train(name: str, **changes: Any) -> Path:
        recipe = make_recipe(
            **{
                "stage": "VL-DPO",
                "train_dataset_path": str(pairs / "train.jsonl"),
                "eval_dataset_path": str(pairs / "val.jsonl"),
                "output_dir": str(tmp_path / name),
                "logging_dir": str(tmp_path / name / "visualdl"),
                "max_steps": 8,
                "save_steps": 4,
                "save_total_limit": 2,
                "learning_rate": 1.0e-5,
                "warmup_ratio": 0.0,
                **changes,
            }
        )
        code, said = train_here([recipe], [])
        assert code == 0, said
        return tmp_path / name

    return train


def spoken(checkpoint: Path, dataset: Path) -> tuple[list[str], list[float]]:
    """Return the tokens of an answer, and their log-probabilities."""
    engine = open_engine(
        EngineSettings(checkpoint=str(checkpoint), device="cpu", score="min_prob", max_new_tokens=12)
    )
    request = read_questions(dataset, "val", 1)[0].request
    tokens = engine.answer([request])[0].tokens
    assert len(tokens) == 12
    return [token.text for token in tokens], [token.logprob for token in tokens]


def margins(folder: Path) -> list[float]:
    text = (folder / "logs" / "train.log").read_text(encoding="utf-8")
    return [float(margin) for margin in TRAINED.findall(text)]


def test_a_models_own_answers_teach_it_which_are_better(
    tiny_model: Path, prepared_data: Path, train_pairs: Callable[..., Path], tmp_path: Path
) -> None:
    settings = PairSettings(
        answers=3, limit=12, max_new_tokens=12, output_dir=str(tmp_path / "made"), val_share=0.2
    )
    said = make_pairs(str(tiny_model), prepared_data, settings, open_engine)
    assert "12 pairs (10 in train.jsonl, 2 in val.jsonl)" in said
    made = {
        f"{split}_dataset_path": str(tmp_path / "made" / f"{name}.jsonl") for split, name in FILES.items()
    }
    run = train_pairs(
        "run", **made, do_eval=True, evaluation_strategy="steps", eval_steps=8, learning_rate=1e-4
    )
    losses, grown = read_losses(run), margins(run)
    assert losses[0] == pytest.approx(0.693147, abs=1e-6)  # the model is its own reference
    assert grown[0] == 0
    assert max(losses[-3:]) < 0.3
    assert min(grown[-3:]) > 1
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    assert "eval_rewards/margins: " in log
    config = json.loads((run / "config.json").read_text())
    assert "dpo_config" not in config
    assert "dpo_config" not in config["text_config"]
    assert (run / "preprocessor_config.json").is_file()
    assert [path.name for path in (run / "visualdl").iterdir()]


@pytest.mark.parametrize("keep", ["best", "pairs"])
def test_what_is_made_passes_the_check(
    tiny_model: Path, prepared_data: Path, make_recipe: Callable[..., Path], tmp_path: Path, keep: str
) -> None:
    answers = ["red square(0,0),(500,500)", "blue square(250,250),(750,750), red square(1,1),(2,9)", "none"]
    settings = PairSettings(answers=3, keep=keep, good=0.2, output_dir=str(tmp_path / "made"))
    made = make_pairs(str(tiny_model), prepared_data, settings, lambda _: ListEngine(answers))
    assert "48 questions" in made
    is_best = keep == "best"
    check_recipe(
        make_recipe(
            stage="VL-SFT" if is_best else "VL-DPO",
            train_dataset_path=str(tmp_path / "made" / "train.jsonl"),
            eval_dataset_path=str((prepared_data if is_best else tmp_path / "made") / "val.jsonl"),
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("tuning", [{}, {"fine_tuning": "LoRA", "lora_rank": 4, "learning_rate": 1.0e-3}])
def test_two_processes_learn_what_one_does_and_what_is_exported(
    train_pairs: Callable[..., Path], tiny_model: Path, prepared_data: Path, tuning: dict[str, Any]
) -> None:
    one, two = (train_pairs(f"run{parts}", **tuning, tensor_model_parallel_size=parts) for parts in (1, 2))
    assert len(read_losses(one)) == 8
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)
    assert margins(two) == pytest.approx(margins(one), abs=1e-3)
    assert margins(one)[-1] > 0.05
    assert read_losses(one)[-1] < 0.69
    (said, trained), (again, exported) = (spoken(folder, prepared_data) for folder in (two, export(two)))
    assert again == said
    assert exported == pytest.approx(trained, abs=1e-4)
    assert spoken(tiny_model, prepared_data)[1] != pytest.approx(trained, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", [{}, {"fine_tuning": "LoRA", "lora_rank": 4, "learning_rate": 1.0e-3}])
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    train_pairs: Callable[..., Path], tuning: dict[str, Any]
) -> None:
    run = train_pairs("run", **tuning)
    losses = read_losses(run)
    assert len(losses) == 8
    shutil.rmtree(run / "checkpoint-8")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train_pairs("run", **tuning)  # the reference is the model at the start, not that of the checkpoint
    assert read_losses(run)[8:] == pytest.approx(losses[4:], abs=1e-6)


@pytest.mark.slow
def test_what_is_frozen_stays_and_an_epoch_has_all_pairs(
    train_pairs: Callable[..., Path], tiny_model: Path
) -> None:
    from safetensors.numpy import load_file

    run = train_pairs("run", max_steps=-1, freeze_config="freeze_vision", per_device_train_batch_size=4)
    assert len(read_losses(run)) == 6  # 24 pairs
    before, after = (
        {name: value for file in folder.glob("model*.safetensors") for name, value in load_file(file).items()}
        for folder in (tiny_model, run)
    )
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert any(name.startswith("model.language_model.") for name in changed)
    assert any("merger" in name for name in changed)
    assert not {name for name in changed if name.startswith("model.visual.") and "merger" not in name}
