import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.run_record import FAILED, RUN_FILE, read_run
from tests.train.conftest import ForkedWords, TrainHere
from train.checkpoints import newest_checkpoint
from train.inside.patches.paddleformers_1_2.always.end_when_not_finite import spoiled_weights, what_to_do
from train.launch.command import command
from train.runs import runs_table

SCRIPT = Path(__file__).parents[3] / "diverging.py"


def test_parameters_that_are_not_finite_are_named() -> None:
    import paddle

    sound, spoiled = paddle.ones([3]), paddle.to_tensor([1.0, float("inf")])
    empty, whole = paddle.zeros([0]), paddle.ones([2], dtype="int64")
    assert spoiled_weights([("a", sound), ("none", empty), ("ids", whole)]) is None
    assert spoiled_weights([]) is None
    assert spoiled_weights([("a", sound), ("b", spoiled)]) == (
        "the parameter b holds NaN or infinite numbers"
    )
    half = spoiled.cast("bfloat16") * 0.0
    assert spoiled_weights([("b", half), ("a", sound), ("c", spoiled)]) == (
        "the parameter b and 1 more hold NaN or infinite numbers"
    )


def test_without_a_checkpoint_none_is_advised(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-9").mkdir()  # not written to its end
    assert "resume_from_checkpoint" not in what_to_do(str(tmp_path))
    assert (tmp_path / "checkpoint-9").is_dir()


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch, forked_words: ForkedWords) -> Callable[[str], None]:
    """Let `python -m train` start the script beside PaddleFormers' own command line."""

    def patch(how: str) -> None:
        def spoiled(recipe: dict[str, Any], folder: Path, has_gpu: bool) -> list[str]:
            words = command(recipe, folder, has_gpu)
            return [*forked_words(), str(SCRIPT), how, *words[words.index("train") :]]

        monkeypatch.setattr("train.launch.start.command", spoiled)

    return patch


@pytest.mark.parametrize(
    ("kind", "message", "shown"),
    [
        ("nan", "FloatingPointError: step 4: the loss is nan: ", "nan"),
        ("weight", "FloatingPointError: step 4: the parameter model.", None),
    ],
)
def test_a_run_ends_before_it_saves_what_is_not_finite(
    make_recipe: Callable[..., Path],
    train_here: TrainHere,
    spoil: Callable[[str], None],
    kind: str,
    message: str,
    shown: str | None,
) -> None:
    spoil(kind)
    path = make_recipe(max_steps=6, save_steps=2, logging_steps=1)
    run = path.parent / "run"
    code, said = train_here([path], ["check_samples=0"])
    assert code == 1
    assert said.count(message) == 1, said
    assert f"resume_from_checkpoint={run / 'checkpoint-2'}" in said
    assert "trained in" not in said
    assert "resumes from its newest checkpoint" not in said
    assert newest_checkpoint(run) == run / "checkpoint-2"
    assert not list(run.glob("checkpoint-[!2]"))
    assert not list(run.glob("*.safetensors"))
    record = read_run(run)
    assert record
    assert record.starts[-1].state == FAILED
    json.loads((run / RUN_FILE).read_text(), parse_constant=pytest.fail)
    if shown:
        assert (record.step, str(record.loss)) == (4, shown)
        assert f" {shown} " in runs_table(run)


def test_a_base_model_with_a_damaged_weight_is_refused_before_the_first_step(
    tiny_model: Path,
    make_recipe: Callable[..., Path],
    train_here: TrainHere,
    spoil: Callable[[str], None],
    tmp_path: Path,
) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    spoil("1")
    model = shutil.copytree(tiny_model, tmp_path / "damaged")
    weights = load_file(model / "model.safetensors")
    name = "model.language_model.layers.1.mlp.down_proj.weight"
    weights[name] = weights[name].copy()
    weights[name][0, 0] = np.nan
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    path = make_recipe(model_name_or_path=str(model))
    code, said = train_here([path], ["check_samples=0"])
    assert code == 1
    assert f"FloatingPointError: before step 1: the parameter {name} holds NaN or infinite numbers" in said
    assert "trained in" not in said
    assert not list((path.parent / "run").glob("*.safetensors"))
