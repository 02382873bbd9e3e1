"""What the model in training has kept of old skills, measured at every evaluation.

Old data sets are asked and scored as `python -m infer` does. For general prompts the score is the share of
the tokens of the base's own answers that the model still ranks first, each after the tokens before it: it
needs no judge, is 1 for a model that has not moved (less where the answers were sampled), and falls with each
place at which a greedy answer would take another way. KL(tuned || base) is in `train/keep/divergence.py`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.keep.keep_record import DIVERGENCE, TOKENS_KEPT, KeepPoint, add_point
from grounding.layout import KEEP_FOLDER
from train.inside.answer_logits import AnsweredPrompts
from train.inside.asked_dataset import AskableModel, AskedDataset, add_points
from train.keep.base_distributions import (
    PROMPTS,
    TOKENS,
    Base,
    BaseAnswer,
    distributions_of,
    read_base,
    write_base,
)
from train.keep.divergence import packed, token_divergences
from train.keep.keep_prompts import KeepPrompt, read_keep_prompts, spread_prompts
from train.keep.keep_scores import dataset_scores
from train.keep.keep_settings import KEY, KeepEntry


@dataclass
class _Sums:
    """Sums over the tokens of a set's answers."""

    divergence: float = 0.0
    tokens: int = 0
    first: int = 0
    ranked: int = 0


class KeepMeter:
    """Measures a trainer's model; writes answers, scores, curves and the run's record."""

    def __init__(self, trainer: Any, entries: Sequence[KeepEntry]) -> None:
        """Read the sets.

        Raises:
            UserError: a set that cannot be read, or a model that cannot answer while it is trained.
        """
        self.trainer, self.entries = trainer, entries
        self.run = Path(trainer.args.output_dir)
        self.askable = AskableModel(trainer, KEY)
        self.datasets: dict[str, AskedDataset] = {}
        self.prompts: dict[str, list[KeepPrompt]] = {}
        for entry in entries:
            if (file := entry.prompts_file) is None:
                asked = AskedDataset(self.askable, entry.path, entry.samples, with_words=True)
                self.datasets[entry.name] = asked
                self.prompts[entry.name] = [KeepPrompt(tuple(chat), images) for images, chat in asked.chats()]
            else:
                self.prompts[entry.name] = read_keep_prompts(file, entry.samples)
        self.compared = spread_prompts({name: len(own) for name, own in self.prompts.items()}, PROMPTS)
        self.base: Base | None = None
        self.reader = AnsweredPrompts(self.askable, trainer.args.per_device_eval_batch_size)

    def begin(self, step: int) -> None:
        """Let the base answer before the first step; a resumed run reads what it answered then.

        All processes call this together, and the next ones.

        Raises:
            UserError: a resumed run has no answers of its base, or those to other prompts.
        """
        asked = [(name, self.prompts[name][place].fingerprint) for name, place in self.compared]
        if step:
            self.base = read_base(self.run, asked)
            return
        prompts = [self.prompts[name][place] for name, place in self.compared]
        tokens = self.reader.base_answers(prompts, TOKENS)
        answers = [
            BaseAnswer(*one, tuple(token_ids[:TOKENS])) for one, token_ids in zip(asked, tokens, strict=True)
        ]
        rows = (packed(logits) for logits in self.reader.read(prompts, [one.token_ids for one in answers]))
        if self.trainer.is_world_process_zero():
            self.base = write_base(self.run, answers, rows)
        else:
            self.base = Base(tuple(answers), max(row.shape[1] for row in rows))

    def draw(self, step: int) -> dict[str, dict[str, float]]:
        """Measure the model as it is now, draw a point of every curve, return the values in process 0."""
        from paddleformers.utils.log import logger

        started = time.monotonic()
        values: dict[str, dict[str, float]] = {entry.name: {} for entry in self.entries}
        for name, asked in self.datasets.items():
            recipe = asked.recipe(self.run / KEEP_FOLDER / name / f"step-{step}")
            answered = asked.ask(recipe)
            if self.trainer.is_world_process_zero():
                values[name] |= dataset_scores(asked.save(recipe, answered).values)
        sums = self._divergences()
        self._count_ranked(sums)
        if not self.trainer.is_world_process_zero():
            return {}
        for name, own in sums.items():
            values[name] |= _means(own)
        every = _Sums(sum(own.divergence for own in sums.values()), sum(own.tokens for own in sums.values()))
        self._record(step, values, _means(every)[DIVERGENCE])
        shown = "; ".join(f"{name} {_shown(own)}" for name, own in values.items())
        seconds = time.monotonic() - started
        logger.info(
            f"keep at step {step}: {shown}; KL(tuned || base) {_means(every)[DIVERGENCE]:.4f} on "
            f"{len(self.compared)} prompts ({seconds:.1f} s)"
        )
        return values

    def _record(self, step: int, values: Mapping[str, Mapping[str, float]], divergence: float) -> None:
        sets = tuple(entry.recorded for entry in self.entries)
        add_point(self.run, sets, KeepPoint(step, values, divergence))
        for name, own in values.items():
            add_points(self.trainer, f"{KEEP_FOLDER}/{name}", own, step)
        add_points(self.trainer, KEEP_FOLDER, {DIVERGENCE: divergence}, step)

    def _divergences(self) -> dict[str, _Sums]:
        """Return the sums of the divergence of each set that has prompts in it; empty ones elsewhere."""
        assert self.base is not None  # begin comes first
        sums = {entry.name: _Sums() for entry in self.entries}
        prompts = [self.prompts[name][place] for name, place in self.compared]
        is_first = self.trainer.is_world_process_zero()
        kept: Iterator[Any] = distributions_of(self.run, self.base) if is_first else iter(())
        answers = self.base.answers
        read = self.reader.read(prompts, [one.token_ids for one in answers])
        for answer, logits in zip(answers, read, strict=True):
            if is_first:
                found = token_divergences(logits, next(kept))
                sums[answer.set_name].divergence += sum(found)
                sums[answer.set_name].tokens += len(found)
        return sums

    def _count_ranked(self, sums: Mapping[str, _Sums]) -> None:
        """Count the tokens of general prompts' answers, and those that the model ranks first."""
        for entry in self.entries:
            if entry.prompts_file is not None:
                first, ranked = self.reader.count_ranked(self.prompts[entry.name])
                sums[entry.name].first, sums[entry.name].ranked = first, ranked


def _means(sums: _Sums) -> dict[str, float]:
    means = {DIVERGENCE: sums.divergence / sums.tokens} if sums.tokens else {}
    return means | ({TOKENS_KEPT: sums.first / sums.ranked} if sums.ranked else {})


def _shown(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
