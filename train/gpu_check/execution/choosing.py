"""Which steps run on this machine, and why the others do not."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe.schema import suggestion
from models.folder_files import CONFIG_FILE
from models.hub_downloads import is_hub_id
from models.lookup import shaped_config
from train.gpu_check.step import Step
from train.gpu_check.training_words import Training
from train.gpu_check.wanted import SMALL_MODEL, GpuCheckSettings
from train.gpu_check.workplace import Workplace


def choose_steps(steps: Sequence[Step], words: Iterable[str]) -> tuple[list[Step], set[str]]:
    """Return the steps that names or numbers ask for with all that they need, and the names asked for.

    Without words all steps are returned, and no name.

    Raises:
        UserError: a word that names no step.
    """
    named = {step.name for word in words for step in _called(steps, word)}
    if not named:
        return list(steps), set()
    needed = set(named)
    for step in reversed(steps):  # a step comes after those that it needs
        if step.name in needed:
            needed |= set(step.needs.steps)
    return [step for step in steps if step.name in needed], named


def _called(steps: Sequence[Step], word: str) -> list[Step]:
    called = [step for step in steps if word in (step.name, str(step.number))]
    if not called:
        names = [step.name for step in steps]
        raise UserError(f"'{word}' is no step{suggestion(word, names)}: name one of {', '.join(names)}")
    return called


def check_models(settings: GpuCheckSettings) -> None:
    """Refuse a model that is neither a folder with a config nor a hub id.

    Raises:
        UserError: it is neither.
    """
    for key in ("model", "mixture"):
        name = getattr(settings, key)
        if name is not None and not is_hub_id(name) and not (Path(name) / CONFIG_FILE).is_file():
            raise UserError(
                f"{key}={name}: no model folder with a {CONFIG_FILE}, and no hub id such as {SMALL_MODEL}: "
                "correct the path"
            )


def unmet_need(step: Step, place: Workplace) -> str | None:
    """Say what this machine lacks for a step, None if it lacks nothing; memory is not looked at."""
    needs, machine = step.needs, place.machine
    if needs.only_gpu and not machine.has_gpu:
        return f"needs {needs.gpus} GPU{'s' if needs.gpus > 1 else ''}"
    if needs.fleet and not machine.has_fleet:
        return "needs paddlefleet: make setup-fleet"
    if machine.has_gpu and len(machine.cards) < needs.gpus:
        return (
            f"needs {needs.gpus} GPUs, there {'are' if len(machine.cards) > 1 else 'is'} {len(machine.cards)}"
        )
    if needs.mixture and machine.has_gpu and not place.settings.mixture:
        return "needs a model with experts: mixture=FOLDER or mixture=Qwen/Qwen3-VL-30B-A3B-Instruct"
    return None


def on_gpus(step: Step) -> str | None:
    """Say what a step that runs here on the CPU would need on GPUs; None for a single GPU."""
    wanted = [f"{step.needs.gpus} GPUs"] if step.needs.gpus > 1 else []
    wanted += ["mixture=MODEL"] if step.needs.mixture else []
    return " and ".join(wanted) or None


def unmet_memory(step: Step, place: Workplace) -> str | None:
    """Say how much memory a step's training needs, if the cards have less; None on a CPU.

    The models' shapes must be known: the step that finds the models has run.
    """
    if not place.machine.has_gpu:
        return None
    need = max(map(planned_gib, step.trains(place)), default=0.0)
    if need <= place.machine.memory:
        return None
    return f"needs {need:.0f} GiB on each card, there are {place.machine.memory:.0f}"


def planned_gib(training: Training) -> float:
    """Return what `train.plan` says that a training needs of each GPU, in GiB."""
    from train.plan.memory import GIB, plan_memory
    from train.recipe import resolve_recipe

    values = resolve_recipe(training.recipe, training.overrides)
    config = shaped_config(str(values["model_name_or_path"]))
    return plan_memory(values, config, training.gpus).total_bytes_per_gpu / GIB


def unmet_steps(step: Step, verdicts: Mapping[str, str], passed: str) -> str | None:
    """Say which of the steps that a step needs has not passed; None if all have."""
    missing = [name for name in step.needs.steps if verdicts.get(name) != passed]
    return f"needs {missing[0]}, which {_past(verdicts.get(missing[0]))}" if missing else None


def _past(verdict: str | None) -> str:
    return (
        "is not planned"
        if verdict is None
        else f"is {verdict}"
        if verdict == "left out"
        else f"has {verdict}"
    )
