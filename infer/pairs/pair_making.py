"""Sample, choose, and write: the whole of `python -m infer.pairs`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.record.checker import check_record
from grounding.record.contract import contract_of
from grounding.record.flaws import ACCEPTED_BY_TRAINING
from infer.pairs.chosen_answers import AnswerPair, Choice, choose_best, choose_pair
from infer.pairs.learned_folder import held_out_images, write_learned
from infer.pairs.learned_rows import Row, best_row, pair_row
from infer.pairs.pair_settings import PAIRS, PairSettings
from infer.runs.predict import EngineOpener
from infer.sampling.derived_folder import check_folder
from infer.sampling.graded_answers import GradedQuestion
from infer.sampling.sampling_run import sample_answers


@dataclass
class Learned:
    """The rows that are written, by split, and what became of the questions.

    `dropped` counts questions by the reason why they make no row. `rewards` are those
    of all sampled answers, `chosen` and `rejected` those of the answers in rows.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    truths: int = 0
    rewards: list[float] = field(default_factory=list)
    chosen: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of rows in all splits."""
        return sum(map(len, self.rows.values()))


def make_pairs(checkpoint: str, dataset: Path, settings: PairSettings, open_engine: EngineOpener) -> str:
    """Sample answers to the training questions, write pairs or best answers, and return the report.

    Raises:
        UserError: as `sample_answers`, the output folder holds another data set, or no row could be made.
    """
    folder = settings.output_path(checkpoint)
    check_folder(folder, dataset)
    card = load_card(dataset)
    graded = sample_answers(Path(checkpoint), dataset, folder, settings, open_engine)
    learned = choose_rows(graded, card, settings)
    report = "\n".join(report_lines(learned, settings, len(graded)))
    if not learned.rows.get("train"):
        raise UserError(f"{folder}: nothing to learn from: {report.replace(chr(10), '; ')}")
    write_learned(folder, dataset, card, learned.rows, learned.dropped, report, settings)
    return report


def choose_rows(graded: Sequence[GradedQuestion], card: Card, settings: PairSettings) -> Learned:
    """Choose the answers of all questions, in their order."""
    learned, contract = Learned(), contract_of(card)
    is_pairs = settings.keep == PAIRS
    apart = held_out_images(graded, settings.val_share, settings.seed) if is_pairs else frozenset()
    for item in graded:
        learned.rewards += [answer.reward for answer in item.answers]
        found = choose_pair(item, settings) if is_pairs else choose_best(item, settings)
        if isinstance(found, str):
            learned.dropped[found] += 1
            continue
        if isinstance(found, Choice):
            row = best_row(item.known, found.answer, card)
            flaws = [flaw for flaw in check_record(row, contract) if flaw.kind not in ACCEPTED_BY_TRAINING]
            if flaws:
                learned.dropped[f"training would refuse it: {flaws[0].kind}"] += 1
                continue
        else:
            row = pair_row(item.known, found)
        split = "val" if item.known.question.image in apart else "train"
        learned.rows.setdefault(split, []).append(row)
        _count(learned, found)
    return learned


def _count(learned: Learned, found: Choice | AnswerPair) -> None:
    choice = found if isinstance(found, Choice) else found.chosen
    learned.truths += choice.is_truth
    learned.chosen.append(choice.answer.reward)
    if isinstance(found, AnswerPair):
        learned.rejected.append(found.rejected.reward)


def report_lines(learned: Learned, settings: PairSettings, questions: int) -> list[str]:
    """Return what was made and dropped, as lines of text."""
    what = "pairs" if settings.keep == PAIRS else "best answers"
    splits = ", ".join(f"{len(rows):,} in {split}.jsonl" for split, rows in sorted(learned.rows.items()))
    lines = [
        f"{questions:,} questions, {settings.answers} answers each, mean reward {_mean(learned.rewards):.3f}",
        f"{learned.count:,} {what}{f' ({splits})' if splits else ''}; {learned.truths:,} of them choose the "
        "record's own answer",
    ]
    if learned.chosen:
        rejected = f", rejected {_mean(learned.rejected):.3f}" if learned.rejected else ""
        lines.append(f"mean reward: chosen {_mean(learned.chosen):.3f}{rejected}")
    return lines + [f"dropped {count:,}: {reason}" for reason, count in sorted(learned.dropped.items())]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
