"""`python benchmarks/object_tokens.py TOKENIZER`: the tokens of an object in each answer format.

TOKENIZER is a model folder, or one with a tokenizer alone. Every object has a box of three-digit numbers, as
most boxes on the 0..1000 grid; the mark between two objects counts for the first of them.
"""

import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.writer import write_answer
from grounding.boxes import GRID, Box, Size
from grounding.categories import COCO_CATEGORIES
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from models.processors import load_tokenizer

ON_GRID = Size(GRID, GRID)
BOX = Box(330, 221, 694, 997)
MANY = 1000


def answer_text(answer_format: str, detections: list[Detection]) -> str:
    """Return the text that is learned as the answer with these objects."""
    answer = write_answer(answer_format, detections, ON_GRID)
    return fill_placeholders([answer.content], answer.objects)[0]


def drawn_objects() -> list[Detection]:
    """Draw objects of COCO's categories, each as often as the others."""
    chance = random.Random(0)
    boxes = [
        Box(*(chance.randint(100, 500) for _ in range(2)), *(chance.randint(501, 999) for _ in range(2)))
        for _ in range(MANY)
    ]
    return [
        Detection(COCO_CATEGORIES[number % len(COCO_CATEGORIES)].name, box)
        for number, box in enumerate(boxes)
    ]


def main() -> int:
    """Print the tokens of an object."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if "--help" in sys.argv else 2
    tokenizer = load_tokenizer(sys.argv[1])
    print(f"{'answer_format':<15}{'one motorcycle':>16}{'each of ' + str(MANY) + ' objects':>24}")
    for answer_format in ANSWER_FORMATS:
        one, many = (
            len(tokenizer(answer_text(answer_format, objects), add_special_tokens=False)["input_ids"])
            for objects in ([Detection("motorcycle", BOX)], drawn_objects())
        )
        print(f"{answer_format:<15}{one:>16}{many / MANY:>24.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
