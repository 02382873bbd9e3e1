"""Whether the adapter of a model with experts is exported with its experts, or refused."""

from functools import partial

from grounding.errors import USER_ERROR_EXIT_CODE
from grounding.files import read_json, write_json
from grounding.layout import EXPORT_FOLDER
from train.gpu_check.evidence.adapter_factors import read_factors
from train.gpu_check.evidence.logged_losses import read_step_losses
from train.gpu_check.evidence.weights_on_disk import compare_weights
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import PLAIN, Needs, Step, name_for
from train.gpu_check.steps.adapter_export import export_problems
from train.gpu_check.training_words import MIXTURE, Training, plan_training, run_training
from train.gpu_check.workplace import MATERIALS, Workplace, last_line

NAME = "mixture-export"
STEPS = 2
GPUS = 4
EXPORT_FILE = "export.json"


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        11,
        name_for(NAME, backend),
        f"LoRA of a model with experts, {STEPS} steps: the export carries the experts, or says why not",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((MATERIALS,), gpus=GPUS, mixture=True),
        lambda place: [_training(place, backend)],
    )


def _training(place: Workplace, backend: str) -> Training:
    return plan_training(place, name_for(NAME, backend), MIXTURE, backend, gpus=GPUS, max_steps=STEPS)


def _work(place: Workplace, backend: str) -> None:
    name, training = name_for(NAME, backend), _training(place, backend)
    run_training(place, name, training)
    words = ["-m", "train.export", str(training.run / "train.yaml")]
    code = place.run_python(words, place.log_of(name), place.visible(GPUS))
    said = last_line(place.log_of(name))
    write_json(place.folder_of(name) / EXPORT_FILE, {"code": code, "said": said})


def _judge(place: Workplace, backend: str) -> Found:
    run = _training(place, backend).run
    expected = f"{STEPS} losses; all factors are there and merged, experts too, or the export refuses"
    steps = f"{len(read_step_losses(run))} losses"
    export = read_json(place.folder_of(name_for(NAME, backend)) / EXPORT_FILE)
    if export["code"]:
        refused = export["code"] == USER_ERROR_EXIT_CODE and export["said"].startswith("error: ")
        return judged(
            expected,
            f"{steps}; the export {'refuses' if refused else 'fails'}: {export['said']}",
            passed=refused,
        )
    factors = read_factors(run, place.mixture, all_of_recipe=backend == PLAIN)
    problems = export_problems(factors, compare_weights(place.mixture, run / EXPORT_FOLDER))
    if not factors.experts:
        problems.append("the adapter has no factors of experts")
    return judged(
        expected,
        f"{steps}; "
        f"{'; '.join(problems) or f'{len(factors.weights)} weights merged, {factors.experts} of experts'}",
        passed=not problems and steps == f"{STEPS} losses",
    )
