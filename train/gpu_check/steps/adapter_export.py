"""Whether an adapter is exported whole: the merged model is the one that was trained."""

from functools import partial

from grounding.layout import EXPORT_FOLDER
from train.gpu_check.evidence.adapter_factors import AdapterFactors, read_factors
from train.gpu_check.evidence.saved_answers import Agreement, compare_answers
from train.gpu_check.evidence.weights_on_disk import WeightChanges, compare_weights, shown_names
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import PLAIN, Needs, Step, name_for
from train.gpu_check.training_words import ADAPTER, Training, ask, plan_training, run_training
from train.gpu_check.workplace import MATERIALS, Workplace

NAME = "adapter-export"
STEPS = 5
AGREE = {True: 0.75, False: 1.0}
"""The share of answers that agree: on GPUs, merged weights are rounded to bfloat16."""

UNMERGED, MERGED = "unmerged", "merged"
"""The folders of the answers."""


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        7,
        name_for(NAME, backend),
        f"{STEPS} steps of LoRA: the export changes what the adapter adapts, and answers as the adapter does",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((MATERIALS,)),
        lambda place: [adapter_training(place, backend)],
    )


def adapter_training(place: Workplace, backend: str) -> Training:
    """Return the training of this step, which the step with two processes compares its own with."""
    return plan_training(place, name_for(NAME, backend), ADAPTER, backend, max_steps=STEPS)


def _work(place: Workplace, backend: str) -> None:
    train_and_export(place, name_for(NAME, backend), adapter_training(place, backend))


def _judge(place: Workplace, backend: str) -> Found:
    return judge_export(place, name_for(NAME, backend), adapter_training(place, backend), backend)


def train_and_export(place: Workplace, name: str, training: Training) -> None:
    """Train an adapter, export it, and ask both the adapter and the export.

    Raises:
        StepFailedError: a command has failed.
    """
    run_training(place, name, training)
    place.run(name, ["-m", "train.export", str(training.run / "train.yaml")])
    device = "gpu" if place.machine.has_gpu else "cpu"
    ask(place, name, training.run, UNMERGED, device=device)
    ask(place, name, training.run / EXPORT_FOLDER, MERGED, device=device)


def judge_export(place: Workplace, name: str, training: Training, backend: str) -> Found:
    """Judge an adapter's factors, the weights that its export changes, and the answers of both."""
    factors = read_factors(training.run, place.taught_model, all_of_recipe=backend == PLAIN)
    changes = compare_weights(place.taught_model, training.run / EXPORT_FOLDER)
    folder = place.folder_of(name)
    agreement = compare_answers(folder / UNMERGED, folder / MERGED)
    problems = export_problems(factors, changes)
    share = AGREE[place.machine.has_gpu]
    return judged(
        f"all factors are there and merged, all else is unchanged; {share:.0%} of the answers agree",
        f"{'; '.join(problems) or f'{len(factors.weights)} weights merged'}; {agreement.text}",
        passed=not problems and _agrees(agreement, share),
    )


def _agrees(agreement: Agreement, share: float) -> bool:
    return agreement.share >= share


def export_problems(factors: AdapterFactors, changes: WeightChanges) -> list[str]:
    """Say what an export lacks of its adapter, and what it has changed besides."""
    adapted, changed = set(factors.weights), set(changes.changed)
    differences = {
        "not merged": tuple(sorted(adapted - changed)),
        "changed without a factor": tuple(sorted(changed - adapted)),
        "not exported": changes.missing,
        "new": changes.added,
        "wrong factors": factors.problems,
    }
    return [f"{what}: {shown_names(names)}" for what, names in differences.items() if names]
