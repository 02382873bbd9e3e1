"""`python benchmarks/fuzz_answers.py [--count N] [--seed S] [--processes P]`: the reader and mutated answers.

Writes answers in every spelling, deletes, doubles, swaps and inserts pieces, and reads the result. The reader
promises: it never raises; boxes lie inside the image and have an area and a span in the text; labels can be
encoded; a text with a digit outside of thoughts gives a detection or a problem. Half of the answers are about
three pictures, written with headings or numbers of pictures: each box then lies in one of them, and an answer
that is cut has no box that the whole one has in another picture. No answer may take longer
than a second of processor time, nor may a megabyte of one repeated piece. Exit code 1 if one does.
"""

import argparse
import json
import random
import sys
import time
from multiprocessing import Pool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size, to_grid
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

SIZE = Size(640, 480)
ONE, THREE = Asked((SIZE,)), Asked((SIZE, Size(1280, 640), Size(640, 2000)))
HEADINGS = ("Image {}: ", "\n**Picture {}**\n", "图{}：", "In image {}, ", '{{"image": {}}}', "")
LABELS = ("cat", "red cup, left", "man's hat", "杯子", "don't-walk 2", 'a "b"', "[x]", "(1,2)")
SPELLINGS = (
    '{{"bbox_2d": <|box_start|>({x1},{y1}),({x2},{y2})<|box_end|>, "label": "{label}"}}, // {label}\n',
    '{{"Box 2D": [[{x1}, {y1}], [{x2}, {y2}]], "Name": "the "{label}" one"}}',
    '{{"label": "{label}", "bbox": {{"x1": {x1}, "y2": {y2}, "x2": {x2}, "y1": {y1}}}, "score": .5}}',
    '{{"{label}": [[{x1},{y1},{x2},{y2}]], /* [1,2,3,4] */}}',
    '["{label}", [{x1}, {y1}, {x2}, {y2}]]',
    "<ref>{label}</ref><box>[[{x1}, {y1}, {x2}, {y2}]]</box>",
    '<box x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}">{label}</box>',
    "{x1}, {y1}, {x2}, {y2} {label}",
    "{label}: ({x1}, {y1}, {x2}, {y2})",
    "{label}: x1={x1}, y1={y1}, x2={x2}, y2={y2}",
    "{label} ({x1}, {y1})",
)
BETWEEN = (", ", "\n", "")
PIECES = (
    '"', "'", "\\", "[", "]", "{", "}", "(", ")", ",", ":", "<|box_start|>", "<|object_ref_end|>", "<think>",
    "```json\n", "bbox_2d", "\ud800", "1e999", "-5", "1001", "０", "\n", "[]", "，", "</think>", "%", "//",
    "/*", '\\"', "<box>", "</box>", "<ref>", "“", "”", "=", "x1", ".1",
)  # fmt: skip
CHUNK = 5000
MEGABYTE = 1_000_000
REPEATED = (
    "cat(1,2),(30,40), ", "cat(1,2),(30,40) ", "(1,2),(30,", "(1,", '{"bbox_2d":',
    '{"bbox_2d": [1, 2, 30, 40], "label": "cat"}, ', "I see no box here, my friend. ", "[", "[ {\n", '["',
    "['a'b", "<think>", "<|box_start|>", "\\", "9", "</think>", "<box>", "<box x1=", '<box x1="1" ', "[//",
    "[/*", '"\\"[{', '{"a": "', '{"a": "b" c" ', "1, 2, 3, 4 cat\n", "1, 2, 3, ", "1 ", "[“", "x1=1 ",
    "cat: [1,2,3,4] ", "(1, 2, 3, 4)", "<ref>", ".1", "%", "[[1, 2], [3, 4]],",
)  # fmt: skip
"""Pieces that a model may repeat until it is cut off."""

REPEATED_HEADINGS = (
    "Image 2: cat(1,2),(3,4)\n", "Image 2: ", "Image 2:\n", "cat in image 2: [1,2,3,4] ", "image 1 ", '\\"\n',
    '"\\"', "\n#", "\n ", '{"image": 1, "bbox_2d": [1, 2, 30, 40], "label": "cat"}, ', '{"image": ',
    "第2张图", "in the ", " '", "<|object_ref_start|>",
)  # fmt: skip
"""The same in answers about several pictures."""

LIMIT_SECONDS = 1.0
ROUNDS = 3


def fuzz(seed: int) -> float:
    """Read a chunk of mutated answers, and return the longest processor time of one in seconds.

    Raises:
        AssertionError: a promise is broken; the message is the answer.
    """
    chance = random.Random(seed)
    longest = 0.0
    for _ in range(CHUNK):
        asked = chance.choice((ONE, THREE))
        if asked == THREE:
            whole = as_trained(draw_objects(chance, THREE), THREE, chance)
            check_cut(whole, whole[: chance.randrange(len(whole) + 1)])
        text = mutate(write(chance, asked), chance)
        start = time.process_time()
        reading = read_answer(text, asked)
        longest = max(longest, time.process_time() - start)
        assert len(reading.spans) == len(reading.detections), text
        assert all(0 <= a < b <= len(text) for spans in reading.spans for a, b in spans), text
        for found in reading.detections:
            found.label.encode()
            assert found.box.has_area, text
            size = asked.sizes[found.picture]
            assert found.box.clipped(size) == found.box, text
        answer = text.rpartition("</think>")[2].partition("<think>")[0]
        says_something = any(digit in answer for digit in "0123456789")
        assert reading.detections or reading.problems or not says_something, text
    return longest


def check_cut(text: str, cut: str) -> None:
    """Check that each box of an answer that is cut is one of the whole answer, in the same picture.

    Raises:
        AssertionError: one is not; the message is the answer.
    """
    whole = {(found.picture, found.box) for found in read_answer(text, THREE).detections}
    assert whole >= {(found.picture, found.box) for found in read_answer(cut, THREE).detections}, cut


def megabyte_seconds(piece: str, asked: Asked) -> float:
    """Return the processor time for reading a megabyte of one piece: the best of a few rounds."""
    text, seconds = piece * (MEGABYTE // len(piece)), []
    for _ in range(ROUNDS):
        start = time.process_time()
        read_answer(text, asked)
        seconds.append(time.process_time() - start)
    return min(seconds)


def draw_objects(chance: random.Random, asked: Asked) -> list[Detection]:
    """Draw some objects in the pictures that are asked about."""
    objects = []
    for _ in range(chance.randrange(5)):
        x1, y1 = chance.randrange(600), chance.randrange(400)
        box = Box(x1, y1, x1 + 1 + chance.randrange(40), y1 + 1 + chance.randrange(80))
        picture = chance.randrange(len(asked.sizes))
        objects.append(Detection(chance.choice(LABELS), box, picture=picture))
    return objects


def as_trained(objects: list[Detection], asked: Asked, chance: random.Random) -> str:
    """Write an answer in one of the formats."""
    answer = write_answer(chance.choice(ANSWER_FORMATS), objects, asked)
    (text,) = fill_placeholders([answer.content], answer.objects)
    return text


def write(chance: random.Random, asked: Asked) -> str:
    """Write a correct answer in one of the formats or spellings."""
    objects = draw_objects(chance, asked)
    text = as_trained(objects, asked, chance)
    if objects and chance.random() < 0.6:
        heads = [
            "" if asked == ONE else chance.choice(HEADINGS).format(found.picture + 1) for found in objects
        ]
        spelled = [head + respell(found, chance) for head, found in zip(heads, objects, strict=True)]
        text = chance.choice(BETWEEN).join(spelled)
    if chance.random() < 0.2:
        text = json.dumps({"answer": text}, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.2:
        text = f"see [1, 2, 3, 4]</think>{text}"
    return text if chance.random() < 0.7 else f"Here it is:\n```json\n{text}\n```"


def respell(found: Detection, chance: random.Random) -> str:
    """Write an object in one of the spellings of other models."""
    unit = chance.choice(("", "", "%"))
    x1, y1, x2, y2 = (f"{number}{unit}" for number in to_grid(found.box, SIZE))
    spelling = chance.choice(SPELLINGS)
    return spelling.format(label=found.label, x1=x1, y1=y1, x2=x2, y2=y2)


def mutate(text: str, chance: random.Random) -> str:
    """Delete, double, swap or insert pieces, one to six times."""
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
    """Read all chunks on all processors, then a megabyte of each repeated piece."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="answers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, help="default: one for each processor")
    arguments = parser.parse_args()
    chunks = -(-arguments.count // CHUNK)
    seeds = range(arguments.seed, arguments.seed + chunks)
    with Pool(arguments.processes) as pool:
        times = list(tqdm(pool.imap_unordered(fuzz, seeds), total=chunks, unit="chunk"))
    print(f"{chunks * CHUNK:,} answers kept every promise; the slowest took {1000 * max(times):.1f} ms")
    repeated = {(piece, ONE): megabyte_seconds(piece, ONE) for piece in REPEATED}
    repeated |= {(piece, THREE): megabyte_seconds(piece, THREE) for piece in REPEATED + REPEATED_HEADINGS}
    for (piece, asked), seconds in repeated.items():
        about = "" if asked == ONE else " about three pictures"
        print(f"a megabyte of {piece!r}{about}: {1000 * seconds:.0f} ms")
    sys.exit(max(*times, *repeated.values()) >= LIMIT_SECONDS)


if __name__ == "__main__":
    main()
