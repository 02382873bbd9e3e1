"""Faults planted one at a time into the files of a real check: each is found by its step."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from train.gpu_check.execution.running import StepOutcome
from train.gpu_check.finding import LEFT_OUT, PASSED, WRONG, StepFailedError
from train.gpu_check.step import Step
from train.gpu_check.workplace import LOG_FILE, Workplace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("gpu_check")]

Plant = Callable[[Workplace], None]


def rewrite(path: Path, text: str) -> None:
    path.unlink()  # a link to the original
    path.write_text(text, encoding="utf-8")


def change_tensors(
    folder: Path, change: Callable[[dict[str, Any]], None], pattern: str = "model*.safetensors"
) -> None:
    for path in folder.glob(pattern):
        tensors = load_file(path)
        change(tensors)
        path.unlink()
        save_file(tensors, path)


def read_tensors(folder: Path) -> dict[str, Any]:
    return {
        name: value for path in folder.glob("model*.safetensors") for name, value in load_file(path).items()
    }


def change_losses(run: Path, change: Callable[[int, float], object]) -> None:
    path = run / "logs" / "train.log"

    def changed(found: re.Match[str]) -> str:
        return f"loss: {change(int(found[3]), float(found[1]))}{found[2]}{found[3]}"

    text = path.read_text(encoding="utf-8")
    rewrite(path, re.sub(r"\bloss: ([\d.e-]+)(, learning_rate: \S+, global_step: )(\d+)", changed, text))


def wrong_weight(place: Workplace) -> None:
    def change(tensors: dict[str, Any]) -> None:
        tensors["model.visual.blocks.0.mlp.linear_fc1.weight"][3, 5] += 1e-3

    change_tensors(place.folder_of("zero-step") / "run", change)


def lost_tensor(place: Workplace) -> None:
    def change(tensors: dict[str, Any]) -> None:
        del tensors["model.language_model.norm.weight"]

    change_tensors(place.folder_of("zero-step") / "run", change)


def wrong_mask(place: Workplace) -> None:
    """The loss that the first step has if each record sees the records before it."""
    loss = loss_of_joined_records(place)
    change_losses(place.folder_of("zero-step") / "run", lambda _, __: f"{loss:.8f}")


def loss_of_joined_records(place: Workplace) -> float:
    import paddle

    from models.family import LoadOptions
    from models.lookup import family_of_folder
    from train.gpu_check.evidence.first_loss import encoded_records, token_losses
    from train.gpu_check.steps.materials import FEW_FILE
    from train.recipe import TrainRecipe, resolve_recipe

    values = resolve_recipe(place.folder_of("zero-step") / "run" / "train.yaml")
    records = encoded_records(TrainRecipe({**values, "train_dataset_path": str(place.data / FEW_FILE)}))
    model = family_of_folder(place.model).load_model(place.model, None, LoadOptions("float32", has_gpu=False))
    with paddle.no_grad():
        logits = model(
            input_ids=paddle.to_tensor([[token for record in records for token in record.token_ids]]),
            pixel_values=paddle.concat([record.mm_inputs["pixel_values"] for record in records]),
            image_grid_thw=paddle.concat([record.mm_inputs["image_grid_thw"] for record in records]),
        ).logits
    return float(
        token_losses(logits[0].numpy(), np.array([x for record in records for x in record.labels])).mean()
    )


def nothing_learned(place: Workplace) -> None:
    change_losses(place.folder_of("falling-loss") / "run", lambda step, _: 6.2 + 0.01 * (step % 3))


def loss_is_no_number(place: Workplace) -> None:
    change_losses(place.folder_of("falling-loss") / "run", lambda step, loss: loss if step < 18 else "nan")


def frozen_aligner(place: Workplace) -> None:
    base = read_tensors(place.model)
    change_tensors(
        place.folder_of("frozen-parts") / "run",
        lambda tensors: tensors.update({name: base[name] for name in tensors if ".merger." in name}),
    )


def trained_though_frozen(place: Workplace) -> None:
    def change(tensors: dict[str, Any]) -> None:
        tensors["model.language_model.layers.1.mlp.down_proj.weight"] *= 1.01

    change_tensors(place.folder_of("frozen-parts") / "run", change)


def other_losses_in_parts(place: Workplace) -> None:
    change_losses(
        place.folder_of("split-model") / "run", lambda step, loss: loss * (1.002 if step == 15 else 1)
    )


def norms_of_own_heads(place: Workplace) -> None:
    base, name = read_tensors(place.model), "model.language_model.layers.2.self_attn.q_norm.weight"

    def change(tensors: dict[str, Any]) -> None:
        tensors[name] = tensors[name] + 0.3 * (tensors[name] - base[name])

    for path in (place.folder_of("split-model") / "run").glob("model*.safetensors"):
        if name in load_file(path):
            change_tensors(path.parent, change, path.name)


def lost_factor(place: Workplace) -> None:
    def change(tensors: dict[str, Any]) -> None:
        del tensors[next(name for name in sorted(tensors) if name.endswith("down_proj.lora_B"))]

    change_tensors(place.folder_of("adapter-export") / "run", change, "peft_model*.safetensors")


def lost_pair(place: Workplace) -> None:
    def change(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if ".layers.1.self_attn.o_proj." in name]:
            del tensors[name]

    change_tensors(place.folder_of("adapter-export") / "run", change, "peft_model*.safetensors")


def export_without_a_factor(place: Workplace) -> None:
    base, name = read_tensors(place.taught_model), "model.language_model.layers.1.self_attn.v_proj.weight"
    change_tensors(
        place.folder_of("adapter-export") / "run" / "export",
        lambda tensors: tensors.update({name: base[name]}),
    )


def other_answers(step: str, ways: str) -> Plant:
    def plant(place: Workplace) -> None:
        path = place.folder_of(step) / ways / "predictions.jsonl"
        first, *others = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        first["raw"] += "<|object_ref_start|>"
        first["detections"] = first["detections"][1:]
        rewrite(path, "".join(f"{json.dumps(row)}\n" for row in (first, *others)))

    plant.__name__ = f"other_answers_of_{ways}"
    return plant


def started_anew(place: Workplace) -> None:
    path = place.folder_of("killed-run") / "run" / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["starts"][-1]["resumed_from"] = None
    rewrite(path, json.dumps(record))


def other_losses_after_the_kill(place: Workplace) -> None:
    change_losses(
        place.folder_of("killed-run") / "run", lambda step, loss: loss * (1.0001 if step == 20 else 1)
    )


def lost_experts(place: Workplace) -> None:
    base = read_tensors(place.mixture)
    change_tensors(
        place.folder_of("mixture-export") / "run" / "export",
        lambda tensors: tensors.update(
            {name: base[name] for name in tensors if ".experts.down_proj" in name}
        ),
    )


def export_crashed(place: Workplace) -> None:
    rewrite(
        place.folder_of("mixture-export") / "export.json", json.dumps({"code": 1, "said": "KeyError: 'w'"})
    )


def packages_in_conflict(place: Workplace) -> None:
    path = place.folder_of("packages") / LOG_FILE
    rewrite(path, path.read_text(encoding="utf-8").replace("No broken requirements found.", "a 1 needs b 2"))


FAULTS: list[tuple[Plant, str, str]] = [
    (packages_in_conflict, "packages", "conflicts"),
    (other_answers("same-answers", "cpu_alone"), "same-answers", "7 of 8 answers agree; not about images/"),
    (wrong_weight, "zero-step", "changed: model.visual.blocks.0.mlp.linear_fc1.weight"),
    (lost_tensor, "zero-step", "not saved: model.language_model.norm.weight"),
    (wrong_mask, "zero-step", "56 tensors equal; loss "),
    (nothing_learned, "falling-loss", "20 losses, from 6.2"),
    (loss_is_no_number, "falling-loss", "to nan"),
    (lost_factor, "adapter-export", "down_proj.lora_A: its other half is missing"),
    (lost_pair, "adapter-export", "layers.1.self_attn.o_proj: no factors, and the recipe adapts it"),
    (
        export_without_a_factor,
        "adapter-export",
        "not merged: model.language_model.layers.1.self_attn.v_proj.weight",
    ),
    (other_answers("adapter-export", "merged"), "adapter-export", "7 of 8 answers agree"),
    (other_losses_in_parts, "split-model", "(step 15)"),
    (norms_of_own_heads, "head-norms", "(model.language_model.layers.2.self_attn.q_norm.weight)"),
    (frozen_aligner, "frozen-parts", "mergers unchanged: model.visual.merger.linear_fc1.weight"),
    (
        trained_though_frozen,
        "frozen-parts",
        "though frozen: model.language_model.layers.1.mlp.down_proj.weight",
    ),
    (started_anew, "killed-run", "resumed from None"),
    (other_losses_after_the_kill, "killed-run", "(step 20)"),
    (lost_experts, "mixture-export", "not merged: model.language_model.layers.0.mlp.experts.down_proj"),
    (export_crashed, "mixture-export", "the export fails: KeyError"),
]


def judge(step: Step, place: Workplace) -> tuple[str, str]:
    try:
        found = step.judge(place)
    except StepFailedError as error:
        return WRONG, str(error)
    return found.verdict, found.found


def dependents(steps: list[Step], name: str) -> set[str]:
    found = {name}
    for step in steps:
        if found & set(step.needs.steps):
            found.add(step.name)
    return found


def test_a_sound_machine_passes(whole_check: tuple[Workplace, list[StepOutcome]]) -> None:
    _, outcomes = whole_check
    verdicts = {outcome.step.name: outcome.found.verdict for outcome in outcomes}
    assert verdicts.pop("cards") == LEFT_OUT
    assert set(verdicts.values()) == {PASSED}, [outcome.found for outcome in outcomes]
    assert len(verdicts) == 11


@pytest.mark.parametrize(("plant", "name", "said"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_fault_is_found_by_its_step(
    plant: Plant, name: str, said: str, copied_check: Workplace, planned_steps: list[Step]
) -> None:
    plant(copied_check)
    judged = {step.name: judge(step, copied_check) for step in planned_steps if step.name != "cards"}
    assert judged[name][0] == WRONG
    assert said in judged[name][1]
    failed = {other for other, (verdict, _) in judged.items() if verdict == WRONG}
    assert failed <= dependents(planned_steps, name)


def test_an_export_that_refuses_passes(copied_check: Workplace, planned_steps: list[Step]) -> None:
    path = copied_check.folder_of("mixture-export") / "export.json"
    rewrite(path, json.dumps({"code": 2, "said": "error: run: the adapter has a factor that is not known"}))
    [step] = [step for step in planned_steps if step.name == "mixture-export"]
    assert judge(step, copied_check) == (
        PASSED,
        "2 losses; the export refuses: error: run: the adapter has a factor that is not known",
    )


def test_memory_above_the_plan_fails(copied_check: Workplace, planned_steps: list[Step]) -> None:
    """On a GPU the trainer logs its memory, and the plan lies beside the run."""
    from train.gpu_check.cards import GraphicsCard, Machine

    card = GraphicsCard("a card", (9, 0), 80.0, "560")
    place = replace(copied_check, machine=Machine((card,), ("0",)))
    folder = place.folder_of("falling-loss")
    (folder / "plan.json").write_text('{"gib": 50.0}', encoding="utf-8")
    log = folder / "run" / "logs" / "train.log"
    text = log.read_text(encoding="utf-8")
    [step] = [step for step in planned_steps if step.name == "falling-loss"]
    for peak, verdict in ((49.5, PASSED), (50.5, WRONG)):
        rewrite(log, text.replace(", interval_runtime", f", max_memory_reserved: {peak}, interval_runtime"))
        assert judge(step, place)[0] == verdict
    rewrite(log, text)
    assert judge(step, place) == (WRONG, judge(step, copied_check)[1] + "; no memory logged")
