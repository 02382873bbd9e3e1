"""`python -m chain CHAIN [STEP.KEY=VALUE ...]`: run the steps of a chain that have something to do."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from chain.chain_file import StepKeys, read_chain
from chain.step_kinds import KINDS
from grounding.errors import UserError, print_result, run_command, start_logging
from grounding.recipe.schema import describe_keys, suggestion

DESCRIPTION = """Prepare, train, evaluate, export and report by one recipe, recipes/chains/*.yaml.

Each step is a command of this project with its recipe and overrides. A step whose recipe, overrides or
inputs changed runs again, and so do the steps that depend on it, and no others. Interrupted chains resume:
repeat the command. A result that is expensive is renamed to NAME.old1 before its step runs with other
settings. At the end there is one table of times, scores and places, also in chain.md of the chain's
output_dir. STEP.KEY=VALUE replaces a key of a step's recipe, output_dir=DIR the chain's own."""

EXAMPLES = """examples:
  python -m chain recipes/chains/demo.yaml --dry-run
  python -m chain recipes/chains/demo.yaml train.max_steps=600
  python -m chain recipes/chains/qwen3_vl_8b_coco.yaml --until tune"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chain, and print the table of its steps and scores."""
    arguments = _parser().parse_intermixed_args(argv)
    start_logging()
    chain = read_chain(arguments.chain, arguments.overrides)
    if arguments.until is not None and arguments.until not in chain.steps:
        raise UserError(
            f"--until {arguments.until}: {chain.path} has no such step"
            f"{suggestion(arguments.until, chain.steps)}"
        )
    from chain.chain_record import CHAIN_TEXT, read_step_records
    from chain.chain_run import judge_chain, run_chain
    from chain.chain_table import plan_text, result_markdown, result_text
    from chain.planned_steps import plan_steps, with_parents
    from grounding.files import write_text
    from train.nodes import node_count

    if node_count() > 1:
        raise UserError("NNODES: a chain is for one machine: run its commands by hand, --dry-run shows them")
    steps = plan_steps(chain)
    if arguments.until is not None:
        steps = with_parents(steps, arguments.until)
    folder = chain.output_dir
    if arguments.dry_run:
        print_result(plan_text(steps, judge_chain(steps, read_step_records(folder))))
        return 0
    words = list(sys.argv[1:] if argv is None else argv)
    code = run_chain(steps, folder, f"python -m chain {shlex.join(words)}")
    if code == 0:
        records = read_step_records(folder)
        write_text(folder / CHAIN_TEXT, result_markdown(arguments.chain.stem, steps, records))
        print_result(f"{result_text(steps, records)}\n\n{folder / CHAIN_TEXT}")
    return code


def _parser() -> argparse.ArgumentParser:
    keys = "\n".join(describe_keys(StepKeys))
    parser = argparse.ArgumentParser(
        prog="python -m chain",
        description=DESCRIPTION,
        epilog=f"keys of a step in steps:\n{keys}\n\ncommands (run): {', '.join(KINDS)}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("chain", metavar="CHAIN", type=Path, help="the YAML file")
    parser.add_argument(
        "overrides", metavar="STEP.KEY=VALUE", nargs="*", help="keys that replace those of the steps' recipes"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what is done, what is to do and why, and do nothing"
    )
    parser.add_argument(
        "--until", metavar="STEP", help="run this step and those that it depends on, no others"
    )
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
