from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.gpu_check.all_steps import all_steps
from train.gpu_check.execution.choosing import check_models, choose_steps, unmet_memory, unmet_need
from train.gpu_check.wanted import GpuCheckSettings
from train.gpu_check.workplace import Workplace


def runnable(place: Workplace, *, with_fleet: bool = False) -> set[str]:
    return {step.name for step in all_steps(with_fleet=with_fleet) if unmet_need(step, place) is None}


def test_the_plan_follows_the_number_of_cards(make_place: Callable[..., Workplace]) -> None:
    everything = {step.name for step in all_steps(with_fleet=False)}
    split = {"split-model", "head-norms", "split-adapter"}
    assert runnable(make_place(0)) == everything - {"cards"}
    assert runnable(make_place(1)) == everything - split - {"mixture-export"}
    assert runnable(make_place(2)) == everything - {"mixture-export"}
    assert runnable(make_place(8)) == everything - {"mixture-export"}
    assert runnable(make_place(4, mixture="Qwen/Qwen3-VL-30B-A3B-Instruct")) == everything


def test_fleet_steps_need_gpus_and_paddlefleet(make_place: Callable[..., Workplace]) -> None:
    plain, both = (len(all_steps(with_fleet=value)) for value in (False, True))
    assert both == plain + 9
    assert not any("fleet" in name for name in runnable(make_place(0), with_fleet=True))
    assert {"fleet-packages", "split-model-fleet"} <= runnable(make_place(2), with_fleet=True)


def test_a_step_brings_those_that_it_needs() -> None:
    steps, named = choose_steps(all_steps(with_fleet=False), ["killed-run", "4"])
    assert [step.name for step in steps] == ["materials", "same-answers", "falling-loss", "killed-run"]
    assert named == {"killed-run", "same-answers"}
    steps, named = choose_steps(all_steps(with_fleet=True), ["5"])
    assert named == {"zero-step", "zero-step-fleet"}
    with pytest.raises(UserError, match=r"'zero' is no step, did you mean 'zero-step'\?"):
        choose_steps(steps, ["zero"])


def test_every_step_comes_after_those_that_it_needs() -> None:
    seen: set[str] = set()
    for step in all_steps(with_fleet=True):
        assert set(step.needs.steps) <= seen, step.name
        seen.add(step.name)


def test_small_cards_leave_out_what_does_not_fit(make_place: Callable[..., Workplace]) -> None:
    steps = {step.name: step for step in all_steps(with_fleet=False)}
    for memory, fits in ((80.0, True), (24.0, False)):
        place = make_place(1, memory)
        place.save_models(*[Path("Qwen/Qwen3-VL-2B-Instruct")] * 2, None)
        assert unmet_memory(steps["adapter-export"], place) is None
        reason = unmet_memory(steps["falling-loss"], place)
        assert (reason is None) == fits
    assert reason
    assert reason.endswith("GiB on each card, there are 24")


def test_a_model_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    check_models(GpuCheckSettings(model="Qwen/Qwen3-VL-2B-Instruct"))
    with pytest.raises(UserError, match=r"mixture=.*: no model folder with a config\.json, and no hub id"):
        check_models(GpuCheckSettings(mixture=str(tmp_path)))
