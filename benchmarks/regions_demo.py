"""`python benchmarks/regions_demo.py [CHECKPOINT] [DATASET]`: does the model of `make demo-regions` do it?

Asks the model about the validation images, which it has not seen: for words about each region, for the box of
its own words (the cycle), where each category is, and the second turn of each dialogue, after the model's own
first answer. A description is right if it is one of the region's phrases; a box counts as found from IoU 0.5
on; an answer with boxes is right if it has the labels and boxes of the record, and no others. Prints shares
with their intervals (Wilson, 95 %). Exit code 1 where descriptions or the cycle are below the limit.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grounding.boxes import from_grid
from grounding.card import load_card
from grounding.errors import start_logging
from grounding.files import read_jsonl
from grounding.matching import pair_boxes
from grounding.prompts import CATEGORY, EXPRESSION
from grounding.record.conversation import Record, parse_record
from grounding.samples import Detection
from grounding.tables import format_table
from infer.asking.conversation_turns import turn_requests
from infer.asking.dataset_questions import size_of
from infer.asking.parsed_answers import parse_raw_answer
from infer.asking.wordings import find_wording
from infer.asking.words.asking_for_words import ask_for_words
from infer.asking.words.found_again import FOUND_AT, CycleTarget, ask_back
from infer.engines.opening import open_engine
from infer.engines.protocol import Engine, Exchange, Request
from infer.engines.settings import EngineSettings
from infer.report.proportion import Proportion

LEAST = 0.95
"""The share of right descriptions, and of descriptions that lead back to their region."""

MUST = ("descriptions", "cycle")


def main() -> int:
    """Ask, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", default="checkpoints/demo_regions/full")
    parser.add_argument("dataset", nargs="?", default="data/demo_regions", type=Path)
    arguments = parser.parse_args()
    start_logging()
    settings = EngineSettings(checkpoint=arguments.checkpoint, device="cpu", batch_size=32, max_new_tokens=64)
    engine = open_engine(settings)
    start = time.perf_counter()
    shares = measure(engine, arguments.dataset, settings.batch_size)
    print(format_table(["", "right"], [[name, str(share)] for name, share in shares.items()]))
    print(f"{time.perf_counter() - start:.0f} s to ask")
    low = [name for name in MUST if (shares[name].share or 0.0) < LEAST]
    if low:
        print(f"below {LEAST:.0%}: {', '.join(low)}")
    return int(bool(low))


def measure(engine: Engine, dataset: Path, batch_size: int) -> dict[str, Proportion]:
    """Return the share of right answers of each kind."""
    records = [parse_record(row) for _, row in read_jsonl(dataset / "val.jsonl")]
    regions = [record for record in records if record.region is not None]
    described = [turn_requests(record, dataset)[0] for record in regions]
    words = [answer.raw for answer in ask_for_words(engine, described, batch_size)]
    dialogues = [
        (record, said) for record, said in zip(regions, words, strict=True) if len(record.answers) > 1
    ]
    plain = [record for record in records if record.names_objects]
    asked = [turn_requests(record, dataset)[0] for record in plain]
    return {
        "descriptions": _share([said in truth(record) for record, said in zip(regions, words, strict=True)]),
        "cycle": _share(_lead_back(engine, dataset, regions, words)),
        "boxes of phrases": _share(_right_boxes(engine, plain, asked, batch_size)),
        "second turns": _share(
            _right_boxes(
                engine,
                [record for record, _ in dialogues],
                [_after(record, said, dataset) for record, said in dialogues],
                batch_size,
            )
        ),
    }


def truth(record: Record) -> tuple[str, ...]:
    """Return all that is known to be true of a record's region."""
    assert record.region is not None
    return record.region.phrases


def _lead_back(engine: Engine, dataset: Path, regions: Sequence[Record], words: Sequence[str]) -> list[bool]:
    card = load_card(dataset)
    wording = find_wording(card, EXPRESSION, CATEGORY)
    found = []
    for record, said in zip(regions, words, strict=True):
        assert record.region is not None
        image = dataset / record.region.image
        size = size_of(image)
        box = from_grid(*record.region.box, size)
        target = CycleTarget(image, size, box, wording.ask, card.system_prompt)
        found.append(ask_back(engine, said, target).is_found)
    return found


def _after(record: Record, said: str, dataset: Path) -> Request:
    """Return a dialogue's second question, after what the model itself said."""
    request = turn_requests(record, dataset)[1]
    return replace(request, history=(Exchange(request.history[0].question, said),))


def _right_boxes(
    engine: Engine, records: Sequence[Record], requests: Sequence[Request], batch_size: int
) -> list[bool]:
    right = []
    for start in range(0, len(requests), batch_size):
        answers = engine.answer(requests[start : start + batch_size])
        for record, request, answer in zip(records[start:], requests[start:], answers, strict=False):
            size = size_of(request.image)
            wanted = record.read_answers(size).detections
            right.append(is_right(parse_raw_answer(answer, size).detections, wanted))
    return right


def is_right(found: Sequence[Detection], wanted: Sequence[Detection]) -> bool:
    """Tell whether each wanted object has a box of its label, and there are no others."""
    if sorted(item.label for item in found) != sorted(item.label for item in wanted):
        return False
    return all(
        len(
            pair_boxes(
                *([item.box for item in each if item.label == label] for each in (found, wanted)), FOUND_AT
            )
        )
        == sum(item.label == label for item in wanted)
        for label in {item.label for item in wanted}
    )


def _share(right: Sequence[bool]) -> Proportion:
    return Proportion(sum(right), len(right))


if __name__ == "__main__":
    sys.exit(main())
