"""`python benchmarks/fuzz_answers.py [--count N] [--seed S]`: mutated answers against the reader of answers.

Takes answers in every form, deletes, doubles, swaps and inserts pieces, and holds what is read against what
the reader promises: it never raises, boxes lie inside the image, have an area and a place in the text, labels
can be saved, every text with a digit, thoughts apart, gives a detection or a problem, and no answer takes
longer than a second.
"""

import argparse
import random
import sys
import time
from multiprocessing import Pool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

SIZE = Size(640, 480)
LABELS = ("cat", "red cup, left", "man's hat", "杯子", "don't-walk 2", 'a "b"', "[x]", "(1,2)")
PIECES = (
    '"', "'", "\\", "[", "]", "{", "}", "(", ")", ",", ":", "<|box_start|>", "<|object_ref_end|>", "<think>",
    "```json\n", "bbox_2d", "\ud800", "1e999", "-5", "1001", "０", "\n", "[]", "，",
)  # fmt: skip
CHUNK = 5000


def fuzz(seed: int) -> float:
    """Read a chunk of mutated answers; return the longest time of one, in seconds.

    Raises:
        AssertionError: a promise is broken; the message holds the answer.
    """
    chance = random.Random(seed)
    longest = 0.0
    for _ in range(CHUNK):
        text = mutate(write(chance), chance)
        start = time.perf_counter()
        reading = read_answer(text, SIZE)
        longest = max(longest, time.perf_counter() - start)
        assert len(reading.spans) == len(reading.detections), text
        assert all(0 <= a < b <= len(text) for spans in reading.spans for a, b in spans), text
        for found in reading.detections:
            found.label.encode()
            assert found.box.has_area, text
            assert found.box.clipped(SIZE) == found.box, text
        says_something = any(digit in text.partition("<think>")[0] for digit in "0123456789")
        assert reading.detections or reading.problems or not says_something, text
    assert longest < 1, f"seed {seed}: {longest} s"
    return longest


def write(chance: random.Random) -> str:
    """Write a right answer in one of the forms."""
    objects = []
    for _ in range(chance.randrange(5)):
        x1, y1 = chance.randrange(600), chance.randrange(400)
        box = Box(x1, y1, x1 + 1 + chance.randrange(40), y1 + 1 + chance.randrange(80))
        objects.append(Detection(chance.choice(LABELS), box))
    answer = write_answer(chance.choice(ANSWER_FORMATS), objects, SIZE)
    (text,) = fill_placeholders([answer.content], answer.objects)
    return text if chance.random() < 0.7 else f"Here it is:\n```json\n{text}\n```"


def mutate(text: str, chance: random.Random) -> str:
    """Delete, double, swap or insert pieces, a few times."""
    for _ in range(1 + chance.randrange(6)):
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        kind = chance.randrange(5)
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:end] + text[start:]
        elif kind == 2:
            text = text[end:] + text[:end]
        elif kind == 3:
            text = text[:end]
        else:
            text = text[:start] + chance.choice(PIECES) + text[start:]
    return text


def main() -> None:
    """Run all chunks on all processors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="answers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chunks = -(-arguments.count // CHUNK)
    seeds = range(arguments.seed, arguments.seed + chunks)
    with Pool() as pool:
        times = list(tqdm(pool.imap_unordered(fuzz, seeds), total=chunks, unit="chunk"))
    print(f"{chunks * CHUNK:,} answers kept every promise; the slowest took {1000 * max(times):.1f} ms")


if __name__ == "__main__":
    main()
