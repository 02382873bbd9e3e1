"""The first hour on a machine with GPUs: `python -m train.gpu_check [--fleet] [STEP ...] [key=value ...]`."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.files import write_text
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys
from train.gpu_check.wanted import GpuCheckSettings

DESCRIPTION = """Check a machine with 1 to 8 GPUs, step by step: cards, packages, answers, a step that changes
nothing, a falling loss, LoRA and its export, tensor parallelism, freezing, resuming, experts.

Each step says what it will show before it runs. A failure ends the steps that depend on it, and no other.
Repeat the command to resume: steps that have passed are not run again, unless they are named. On a CPU, every
step that needs no GPU runs with the tiny model. Exit code 0 if all that ran has passed, 1 otherwise."""

EPILOG = """STEP is the name or the number of a step; it runs with the steps that it needs:
  0 materials  1 cards  2 packages  3 fleet-packages  4 same-answers  5 zero-step  6 falling-loss
  7 adapter-export  8 split-model, head-norms, split-adapter  9 frozen-parts  10 killed-run
  11 mixture-export; with --fleet the steps 5 to 11 also as zero-step-fleet and so on

keys:
{keys}

examples:
  python -m train.gpu_check model=/models/Qwen3-VL-2B-Instruct
  python -m train.gpu_check 5 killed-run"""

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.gpu_check [--fleet] [STEP ...] [key=value ...]`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.gpu_check",
        description=DESCRIPTION,
        epilog=EPILOG.format(keys="\n".join(describe_keys(GpuCheckSettings))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fleet", action="store_true", help="also train with paddlefleet's classes")
    parser.add_argument("words", metavar="STEP | key=value", nargs="*", help="steps to run; settings")
    arguments = parser.parse_intermixed_args(argv)
    named = [word for word in arguments.words if "=" not in word]
    settings = load_settings(GpuCheckSettings, [word for word in arguments.words if "=" in word])
    return check_machine(settings, named, with_fleet=arguments.fleet)


def check_machine(settings: GpuCheckSettings, named: Sequence[str], *, with_fleet: bool) -> int:
    """Plan the steps, run them, print the table, write the report, and return the exit code.

    Raises:
        UserError: a word that names no step, a machine where none of the steps can run, or an output folder
            that is not free.
    """
    from train.gpu_check.all_steps import all_steps
    from train.gpu_check.cards import find_machine
    from train.gpu_check.execution.child_runs import ChildRuns
    from train.gpu_check.execution.choosing import check_models, choose_steps, unmet_need
    from train.gpu_check.execution.running import alone_in, run_steps
    from train.gpu_check.finding import LEFT_OUT, PASSED
    from train.gpu_check.reporting.pasted_report import REPORT_FILE, outcome_table, report_text
    from train.gpu_check.workplace import Workplace
    from train.launch.processes import new_mark
    from train.machine import visible_gpus

    check_models(settings)
    steps, asked = choose_steps(all_steps(with_fleet=with_fleet), named)
    machine = find_machine(visible_gpus)
    folder = Path(settings.output_dir).resolve()
    mark = new_mark()
    place = Workplace(folder, machine, settings, ChildRuns(mark, settings.minutes))
    reasons = {step.name: unmet_need(step, place) for step in steps if step.name in asked}
    if reasons and all(reasons.values()):
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))
    _end_signals_interrupt()
    with alone_in(folder, mark):
        log.info("machine: %s", machine.summary)
        log.info("model: %s", place.model_name or "tiny, random weights; on GPUs: model=FOLDER or a hub id")
        outcomes = run_steps(steps, place, asked)
    print_result(f"\n{outcome_table(outcomes)}")
    write_text(folder / REPORT_FILE, report_text(outcomes, place))
    log.info("report: %s", folder / REPORT_FILE)
    return 0 if all(outcome.found.verdict in (PASSED, LEFT_OUT) for outcome in outcomes) else 1


def _end_signals_interrupt() -> None:
    """Let the signals that end a process raise KeyboardInterrupt, so that the step's processes end, too.

    Paddle, which is imported by now, has set handlers of its own. An ignored signal stays ignored: nohup.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main))
