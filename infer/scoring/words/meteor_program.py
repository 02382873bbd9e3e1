"""METEOR 1.5 by its own Java program, as coco-caption runs it: -l en -norm, with synonyms and paraphrases.

The program comes with pycocoevalcap and needs Java 8 or later. It tells for each text how many words match
which way; the score is made of their sums here, so that the intervals can make it of other sums.
Source: Denkowski and Lavie, Meteor Universal, WMT 2014; the parameters are those of English (task rank).
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Timer
from typing import IO

import numpy as np

from infer.scoring.resampling.ratios import FloatArray

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
MODULE_WEIGHTS = (1.0, 0.6, 0.8, 0.6)
"""Of words that match exactly, by stem, by synonym, and by paraphrase."""

STATISTICS = 23
"""Numbers for each text: 4 lengths, 4 x 4 matches, the chunks, and 2 totals of matches."""

CHUNKS = 20
"""The place of the chunks among them."""

_AT_ONCE = 200
_LONGEST_WAIT = 600.0
"""Seconds for so many texts: a program that hangs is ended."""

MEMORY = "2G"

Pair = tuple[tuple[str, ...], str]
"""True texts and a given text, as tokens with spaces between them."""


class NoMeteorError(Exception):
    """METEOR cannot be computed; the message says why, and what to do."""


@lru_cache(maxsize=4)
def meteor_statistics(pairs: tuple[Pair, ...]) -> FloatArray:
    """Return the program's numbers of each pair, shape (pairs, STATISTICS); each pair has a true text.

    Raises:
        NoMeteorError: no Java, no pycocoevalcap, or the program failed.
    """
    from tqdm import tqdm

    command = [_find_java(), "-Dfile.encoding=UTF-8", f"-Xmx{MEMORY}", "-jar", str(_find_program())]
    command += ["-", "-", "-stdio", "-l", "en", "-norm"]
    rows: list[list[float]] = []
    with (
        tempfile.TemporaryFile() as errors,
        tqdm(total=len(pairs), desc="METEOR", delay=2, leave=False) as bar,
    ):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        try:
            for start in range(0, len(pairs), _AT_ONCE):
                rows += _ask(process, pairs[start : start + _AT_ONCE], errors)
                bar.update(len(rows) - bar.n)
        finally:
            process.kill()
            process.communicate()
    found = np.array(rows, np.float64).reshape(len(pairs), STATISTICS)
    # As in the program's own sums: a text that is the true text word for word adds no chunk.
    is_whole = (found[:, 21:23] == found[:, :2]).all(axis=1) & (found[:, CHUNKS] == 1)
    found[is_whole, CHUNKS] = 0.0
    return found


def meteor_score(sums: FloatArray) -> FloatArray:
    """Return METEOR, 0..1, of summed statistics, shape (..., STATISTICS) -> (...).

    As the program's own score of a whole corpus, it is made of the sums, and is no mean of texts.
    """
    lengths, chunks, matched = sums[..., :4], sums[..., CHUNKS], sums[..., 21:23]
    matches = sums[..., 4:20].reshape(*sums.shape[:-1], len(MODULE_WEIGHTS), 4)
    weights = np.array(MODULE_WEIGHTS)
    content, function = (
        np.einsum("...ms,m->...s", matches[..., places], weights) for places in (slice(0, 2), slice(2, 4))
    )
    found = DELTA * content + (1 - DELTA) * function
    whole = DELTA * (lengths[..., :2] - lengths[..., 2:]) + (1 - DELTA) * lengths[..., 2:]
    precision, recall = np.moveaxis(_share(found, whole), -1, 0)
    mean = _share(precision * recall, ALPHA * precision + (1 - ALPHA) * recall)
    fragments = _share(chunks, matched.mean(axis=-1))
    score: FloatArray = mean * (1 - GAMMA * fragments**BETA)
    return score


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _ask(
    process: "subprocess.Popen[bytes]", pairs: Sequence[Pair], errors: IO[bytes]
) -> Iterator[list[float]]:
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    lines = [" ||| ".join(("SCORE", *truths, given)) for truths, given in pairs]
    watch = Timer(_LONGEST_WAIT, process.kill)
    watch.start()
    try:
        process.stdin.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
        process.stdin.flush()
        for _ in pairs:
            yield _numbers(process.stdout.readline(), errors)
    except BrokenPipeError as error:
        raise NoMeteorError(f"METEOR: its program ended: {_last_line(errors)}") from error
    finally:
        watch.cancel()


def _numbers(line: bytes, errors: IO[bytes]) -> list[float]:
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        numbers = []
    if len(numbers) != STATISTICS:
        said = line.decode("utf-8", "replace").strip() or _last_line(errors)
        raise NoMeteorError(f"METEOR: its program did not answer with {STATISTICS} numbers: {said[:200]}")
    return numbers


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"


def _find_java() -> str:
    java = shutil.which("java")
    if java is None:
        raise NoMeteorError("METEOR needs Java: install a Java runtime (java on the PATH)")
    return java


def _find_program() -> Path:
    found = importlib.util.find_spec("pycocoevalcap")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    for folder in folders:
        if (program := Path(folder) / "meteor" / "meteor-1.5.jar").is_file():
            return program
    raise NoMeteorError("METEOR needs the Python package pycocoevalcap: install it into this environment")
