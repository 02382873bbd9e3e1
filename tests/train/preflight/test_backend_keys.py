"""What the check says of grounding_backend, for the plain classes and for paddlefleet's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from models.libraries import hide_paddlefleet
from train.preflight import backend_keys
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe
from train.preflight.backend_keys import backend_fits_machine
from train.recipe import TrainRecipe

LORA = {"fine_tuning": "LoRA", "lora_rank": 8}
SPLIT = {"tensor_model_parallel_size": 2}
ALONE = {"freeze_config": "freeze_vision freeze_aligner"}
EXPERTS = {"use_expert_parallel": True, "expert_model_parallel_size": 4}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such word": ({"grounding_backend": "fleets"}, "grounding_backend: 'fleets' is none of plain, fleet"),
    "no word": ({"grounding_backend": None}, "grounding_backend: 'None' is none of plain, fleet"),
    "adapter": ({"grounding_backend": "fleet", **LORA}, "add freeze_vision freeze_aligner"),
    "half frozen": (
        {"grounding_backend": "fleet", **LORA, "freeze_config": "freeze_vision"},
        "add freeze_aligner",
    ),
    "split adapter": ({"grounding_backend": "fleet", **LORA, **ALONE, **SPLIT}, "another adapter"),
    "split": ({"grounding_backend": "fleet", **SPLIT}, "add sequence_parallel: true"),
    "curves": (
        {
            "grounding_backend": "fleet",
            "grounding_eval_samples": 4,
            "do_eval": True,
            "evaluation_strategy": "steps",
        },
        "cannot be asked while it is trained",
    ),
    "experts": (EXPERTS, "expert_model_parallel_size: has no effect with grounding_backend plain"),
    "expert switch": ({"use_expert_parallel": True}, "use_expert_parallel: has no effect"),
    "dispatcher": ({"moe_token_dispatcher_type": "alltoall"}, "moe_token_dispatcher_type: has no effect"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_classes_cannot_do_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**changes), checks=RECIPE_CHECKS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"grounding_backend": "plain", **LORA, **SPLIT},
        {"grounding_backend": "fleet"},
        {"grounding_backend": "fleet", **SPLIT, "sequence_parallel": True},
        {"grounding_backend": "fleet", **LORA, **ALONE, **EXPERTS},
        {"grounding_backend": "fleet", "moe_token_dispatcher_type": "deepep", **EXPERTS},
    ],
)
def test_what_they_can_do_passes(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert check_recipe(make_recipe(**changes), checks=RECIPE_CHECKS)


def test_paddlefleet_has_no_place_on_a_cpu(make_recipe: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="Paddle finds no GPU here: a CPU needs grounding_backend=plain"):
        check_recipe(make_recipe(grounding_backend="fleet"))


def on_gpus(**values: object) -> list[str]:
    return list(backend_fits_machine(TrainRecipe(values, has_gpu=True, gpus=4)))


def test_paddlefleet_has_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_keys, "lowest_capability", lambda: (9, 0))
    [problem] = on_gpus(grounding_backend="fleet")
    assert "make setup-fleet" in problem
    assert on_gpus(grounding_backend="plain") == on_gpus() == []
    monkeypatch.setattr(backend_keys, "fleet_is_installed", lambda: True)
    assert on_gpus(grounding_backend="fleet") == []


def test_an_installed_package_is_found_though_it_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "paddlefleet").mkdir()
    (tmp_path / "paddlefleet" / "__init__.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    hide_paddlefleet()
    assert backend_keys.fleet_is_installed()


@pytest.mark.parametrize(("capability", "is_refused"), [((8, 0), True), ((8, 9), True), ((9, 0), False)])
def test_deepep_needs_its_cards(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], *, is_refused: bool
) -> None:
    monkeypatch.setattr(backend_keys, "fleet_is_installed", lambda: True)
    monkeypatch.setattr(backend_keys, "lowest_capability", lambda: capability)
    problems = on_gpus(grounding_backend="fleet", moe_token_dispatcher_type="deepep")
    assert [problem.partition(":")[0] for problem in problems] == ["moe_token_dispatcher_type"] * is_refused
    assert on_gpus(grounding_backend="fleet", moe_token_dispatcher_type="alltoall") == []
