"""`python benchmarks/regions_demo.py [RUN]`: does the model of `make demo-regions` do it?

Reads the answers of a run about held-out pictures, with the boxes that `python -m infer.cycle` has found for
its descriptions, and asks the second turn of each dialogue, after the model's own first answer. A description
is right if it is one of the region's phrases, but for case, punctuation and a first article. It leads back if
the box that is found for its words has an IoU of 0.5 with the region. An answer with boxes is right if each
wanted object has a box of its label with an IoU of 0.5, and there are no others. Prints shares with their
intervals (Wilson, 95 %). Exit code 1 if one of the four goals is missed.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tqdm import tqdm

from grounding.errors import UserError, run_command, start_logging
from grounding.files import read_jsonl
from grounding.layout import CYCLE_FILE, PREDICTIONS_FILE
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.matching import pair_by_label
from grounding.record.conversation import Record, parse_record
from grounding.regions.led_back import FOUND_AT
from grounding.samples import Detection
from grounding.tables import format_table
from infer.asking.conversation_turns import turn_requests
from infer.asking.dataset_questions import size_of
from infer.asking.parsed_answers import parse_raw_answer
from infer.engines.opening import open_engine
from infer.engines.protocol import Engine, Exchange, Request
from infer.recipe import saved_recipe
from infer.report.proportion import Proportion
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.words.answer_words import is_true_phrase

LEAST = 0.95
"""The share of right answers that each goal asks for."""

DESCRIPTIONS, CYCLE, PHRASES, TURNS = "descriptions", "cycle", "boxes of phrases", "second turns"
GOALS = (DESCRIPTIONS, CYCLE, PHRASES, TURNS)


def main() -> int:
    """Ask, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default="checkpoints/demo_regions/eval", type=Path)
    run: Path = parser.parse_args().run
    start_logging()
    recipe = saved_recipe(run)
    if recipe is None or not (run / CYCLE_FILE).is_file():
        raise UserError(f"{run}: no infer.yaml or no {CYCLE_FILE}: run `make demo-regions` first")
    evaluation = read_evaluation(run / PREDICTIONS_FILE)
    records = [parse_record(row) for _, row in read_jsonl(recipe.dataset_path / "val.jsonl")]
    start = time.perf_counter()
    turns = right_turns(open_engine(recipe), evaluation, records, recipe.dataset_path, recipe.batch_size)
    seconds = time.perf_counter() - start
    shares = given_shares(evaluation) | {TURNS: share_of(turns)}
    rows = [
        [name, str(shares[name]), f"{LEAST:.0%}", "missed" if is_missed(shares[name]) else "reached"]
        for name in GOALS
    ]
    print(format_table(["", "right", "goal", ""], rows))
    print(f"{len(turns)} second turns asked in {seconds:.0f} s")
    return int(any(map(is_missed, shares.values())))


def given_shares(evaluation: Evaluation) -> dict[str, Proportion]:
    """Return the share of right answers of each kind in a run's files."""
    regions = evaluation.descriptions
    boxes = [
        is_right(answered.detections, evaluation.objects.get(answered.image_id, ()))
        for answered in evaluation.predictions
    ]
    return {
        DESCRIPTIONS: share_of([is_true_phrase(item.words, item.region.phrases) for item in regions]),
        CYCLE: share_of([(item.cycle_iou or 0.0) >= FOUND_AT for item in regions]),
        PHRASES: share_of(boxes),
    }


def right_turns(
    engine: Engine, evaluation: Evaluation, records: Sequence[Record], dataset: Path, batch_size: int
) -> list[bool]:
    """Return, for each dialogue, whether its second answer is right after the model's own first one."""
    said = {(item.image, item.question): item.answer for item in evaluation.descriptions}
    dialogues = [record for record in records if record.region is not None and len(record.answers) > 1]
    requests = [second_request(record, said, dataset) for record in dialogues]
    right = []
    with tqdm(total=len(requests), desc="second turns", unit="turn") as bar:
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            for record, request, answer in zip(dialogues[start:], batch, engine.answer(batch), strict=False):
                size = size_of(request.picture)
                found = parse_raw_answer(answer, size).detections
                right.append(is_right(found, record.read_answers(size).detections))
            bar.update(len(batch))
    return right


def second_request(record: Record, said: Mapping[tuple[str, str], str], dataset: Path) -> Request:
    """Return a dialogue's second question, after what the model said; `said` by picture and question."""
    first, second = turn_requests(record, dataset)[:2]
    words = said[record.image, first.user.replace(IMAGE_PLACEHOLDER, "").strip()]
    return replace(second, history=(Exchange(first.user, words),))


def is_right(found: Sequence[Detection], wanted: Sequence[Detection]) -> bool:
    """Tell whether each wanted object has a box of its label, and there are no others."""
    if sorted(item.label for item in found) != sorted(item.label for item in wanted):
        return False
    return len(pair_by_label(found, wanted, FOUND_AT)) == len(wanted)


def is_missed(share: Proportion) -> bool:
    """Tell whether a share is below its goal; a share of nothing is."""
    return (share.share or 0.0) < LEAST


def share_of(right: Sequence[bool]) -> Proportion:
    """Return how many of the answers are right."""
    return Proportion(sum(right), len(right))


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
