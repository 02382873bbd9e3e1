"""The base model's first answer tokens and their distributions, kept beside a run for all of its evaluations.

They are computed once, before the first step, so that a full fine-tuning needs no second model, and a
resumed run goes on with those of its start. With LoRA the base is the model with its adapter, which changes
nothing at the start. `distributions.f16` is (tokens, vocabulary), memory-mapped: it takes tokens x
vocabulary x 2 bytes, 311 MB for the 152k tokens of Qwen3-VL's vocabulary. `base.json` is written last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, read_json, replacing, write_json
from grounding.layout import KEEP_FOLDER

BASE_FOLDER, ANSWERS_FILE, DISTRIBUTIONS_FILE = "base", "base.json", "distributions.f16"

NUMBER_BYTES = 2
"""Numbers are float16, without a header."""

PROMPTS = 64
"""Prompts of all sets together whose divergence is measured: enough for a mean over 1,024 tokens, and as few
as an evaluation hardly notices."""

TOKENS = 16
"""First tokens of an answer whose distributions are kept: where a model starts another kind of answer, it
does so there. Every further token takes 300 kB of the disk with Qwen3-VL's vocabulary."""


@dataclass(frozen=True)
class BaseAnswer:
    """The first tokens of the base's answer to a prompt of a set; `prompt` is the prompt's fingerprint."""

    set_name: str
    prompt: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class Base:
    """The base's answers, and the width of their distributions."""

    answers: tuple[BaseAnswer, ...]
    vocabulary: int

    @property
    def tokens(self) -> int:
        """The number of distributions."""
        return sum(len(one.token_ids) for one in self.answers)


class _AnswerTypes(TypedDict):
    set_name: str
    prompt: str
    token_ids: list[int]


class _BaseTypes(TypedDict):
    answers: list[_AnswerTypes]
    vocabulary: int


def base_answers_folder(run: Path) -> Path:
    """Return the folder of a run's base answers."""
    return run / KEEP_FOLDER / BASE_FOLDER


def has_base(run: Path) -> bool:
    """Tell whether a run has the answers of its base."""
    return all((base_answers_folder(run) / name).is_file() for name in (ANSWERS_FILE, DISTRIBUTIONS_FILE))


def write_base(run: Path, answers: Sequence[BaseAnswer], rows: Iterable[Any]) -> Base:
    """Write answers, and `rows` with the packed distributions (tokens, vocabulary) of each answer in turn.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    folder = base_answers_folder(run)
    (folder / ANSWERS_FILE).unlink(missing_ok=True)
    vocabulary = 0
    with replacing(folder / DISTRIBUTIONS_FILE) as file:
        for row in rows:
            file.write(row.tobytes())
            vocabulary = int(row.shape[1])
    base = Base(tuple(answers), vocabulary)
    write_json(folder / ANSWERS_FILE, asdict(base))
    return base


def read_base(run: Path, asked: Sequence[tuple[str, str]]) -> Base:
    """Read the base's answers to the prompts `asked`, pairs of set and fingerprint.

    Raises:
        UserError: they are not there, or belong to other prompts.
    """
    folder = base_answers_folder(run)
    if not has_base(run):
        raise UserError(f"{folder}: no answers of the base there: {_anew()}")
    content = read_json(folder / ANSWERS_FILE)
    try:
        check_types(content, _BaseTypes)
    except (TypeError, ValueError) as error:
        raise UserError(f"{folder / ANSWERS_FILE}: no answers of a base ({error}): {_anew()}") from error
    answers = tuple(
        BaseAnswer(one["set_name"], one["prompt"], tuple(one["token_ids"])) for one in content["answers"]
    )
    if [(one.set_name, one.prompt) for one in answers] != list(asked):
        raise UserError(f"{folder}: the base answered other prompts than those of the recipe now: {_anew()}")
    return Base(answers, content["vocabulary"])


def distributions_of(run: Path, base: Base) -> Iterator[Any]:
    """Yield the packed distributions (tokens, vocabulary) of each answer, read from the disk as needed.

    Raises:
        UserError: the file does not fit the answers.
    """
    import numpy as np

    path = base_answers_folder(run) / DISTRIBUTIONS_FILE
    shape = (base.tokens, base.vocabulary)
    if path.stat().st_size != base.tokens * base.vocabulary * NUMBER_BYTES:
        raise UserError(f"{path}: not the distributions of {base.tokens} tokens: {_anew()}")
    every = np.memmap(path, dtype=np.float16, mode="r", shape=shape)
    start = 0
    for one in base.answers:
        yield every[start : start + len(one.token_ids)]
        start += len(one.token_ids)


def _anew() -> str:
    return "the run has left its base, so start it anew with overwrite_output_dir=true"
