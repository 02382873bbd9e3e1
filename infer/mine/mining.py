"""Mine hard examples: sample, grade, and write the data set for another round of training."""

from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import write_jsonl, write_text
from infer.mine.absent_labels import CategoryQuestions
from infer.mine.graded_rows import GRADED_FILE, GradedRecord, grade_question, graded_line
from infer.mine.hard_dataset import write_hard_dataset
from infer.mine.hard_records import hard_rows, negative_rows
from infer.mine.mine_settings import MineSettings
from infer.mine.mining_report import describe_findings, describe_grades, describe_rows
from infer.runs.predict import EngineOpener
from infer.sampling.derived_folder import check_folder
from infer.sampling.sampling_run import sample_answers

REPORT_FILE = "hard.md"
"""The printed report, kept in the folder."""


def mine(checkpoint: str, dataset: Path, settings: MineSettings, open_engine: EngineOpener) -> str:
    """Write the mined data set of a checkpoint, and return the report.

    An interrupted run resumes where its sampling was, and ends with the same bytes. With other values of
    hard_from, most_repeats and the like the same answers are used: the model is not asked again.

    Raises:
        UserError: something is wrong with data set, checkpoint, server or output folder, or nothing is hard.
    """
    folder = settings.output_path(checkpoint)
    check_folder(folder, dataset)
    from tqdm import tqdm

    card = load_card(dataset)
    sampled = sample_answers(Path(checkpoint), dataset, folder, settings, open_engine)
    bar = tqdm(sampled, unit="question", desc="grade", delay=2)
    records = [grade_question(item) for item in bar]
    write_jsonl(folder / GRADED_FILE, map(graded_line, records))
    report = f"{describe_grades(records)}\n{describe_findings(records)}"
    hard = list(hard_rows(records, card, settings))
    if not hard:
        raise UserError(_nothing_hard(records, settings, folder))
    negatives = list(negative_rows(records, card, dataset, settings))
    wordings = [wording.name for wording in CategoryQuestions(card).wordings] if negatives else []
    write_hard_dataset(folder, dataset, card, [*hard, *negatives], wordings)
    report += f"\n{describe_rows([*hard, *negatives])}"
    write_text(folder / REPORT_FILE, f"{report}\n")
    return report


def _nothing_hard(records: list[GradedRecord], settings: MineSettings, folder: Path) -> str:
    hardest = max(record.grades.hardness for record in records)
    return (
        f"{folder / GRADED_FILE}: no record is hard: the hardest has {hardest:.2f}, and hard_from is "
        f"{settings.hard_from}: set a lower hard_from, or mine more images"
    )
