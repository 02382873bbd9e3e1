"""Judges pictures by the rules, and inspects all pictures of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.card import Card, load_card
from grounding.errors import UserError
from infer.report.asked_model import AskedModel, card_note, model_of_run
from infer.report.inspection_types import Inspection
from infer.report.judging_pictures import Provenance, judge_picture
from infer.report.pictures.answered_picture import AnsweredPicture
from infer.report.pictures.run_pictures import RunPlace, read_run_pictures
from infer.report.report_files import ReportFolder, summary_lines
from infer.report.report_settings import ReportSettings
from infer.report.rules.rule_set import RuleSet
from infer.report.rules.rules_file import read_rules
from infer.report.threshold.threshold_file import load_threshold

DEFAULT_FOLDER = "inspection"
"""Beside the predictions of a run."""


@dataclass(frozen=True)
class Inspector:
    """Judges pictures by rules and a threshold, and writes what comes out."""

    rules: RuleSet
    threshold: float | None
    provenance: Provenance
    files: ReportFolder

    def inspect(self, picture: AnsweredPicture) -> Inspection:
        """Judge a picture, write its JSON, and return the inspection.

        Raises:
            UserError: the file cannot be written.
        """
        inspection = judge_picture(picture, self.rules, self.threshold, self.provenance)
        self.files.write_inspection(inspection)
        return inspection

    def finish(self, inspections: Sequence[Inspection], pictures: Sequence[AnsweredPicture]) -> str:
        """Write the summary, and return the lines that say where it is and what is in it.

        Raises:
            UserError: a file cannot be written.
        """
        counts = self.files.write_summary(inspections, {item.name: item.path for item in pictures})
        return summary_lines(counts, self.files.folder)

    @property
    def needs_confidence(self) -> str:
        """What cannot be decided about boxes without a confidence; "" where nothing needs one."""
        if self.threshold is not None:
            return "threshold"
        return f"{self.rules.file}: rules on the confidence" if self.rules.weighs_confidence else ""


def make_inspector(
    settings: ReportSettings, folder: Path, asked: AskedModel, card: Card, dataset: Path
) -> Inspector:
    """Return what judges the answers of a model, and writes the report into a folder.

    Raises:
        UserError: the rules are wrong, or the threshold was chosen for others.
    """
    rules = read_rules(Path(settings.rules), [category.name for category in card.categories])
    chosen = None if settings.threshold is None else load_threshold(Path(settings.threshold), rules, asked)
    return Inspector(
        rules,
        None if chosen is None else chosen["threshold"],
        Provenance(asked.note, card_note(card, dataset)),
        ReportFolder(folder, rules, chosen, settings.title, settings.shown),
    )


def report_on_run(run: RunPlace, settings: ReportSettings) -> str:
    """Write the report of a run, and return its last lines.

    Raises:
        UserError: the run, the rules or the threshold cannot be used, or a file cannot be written.
    """
    from tqdm import tqdm

    card = load_card(run.dataset)
    folder = Path(settings.output_dir) if settings.output_dir else run.predictions.parent / DEFAULT_FOLDER
    inspector = make_inspector(settings, folder, model_of_run(run.predictions), card, run.dataset)
    pictures = read_run_pictures(run)
    found = [item for picture in pictures for item in picture.detections]
    if found and inspector.needs_confidence and all(item.score is None for item in found):
        raise UserError(
            f"{inspector.needs_confidence}: no box of {run.predictions} has a confidence: run "
            "`python -m infer` with score=min_prob, or after `python -m infer.calibrate` with "
            "score=calibrated"
        )
    judged = [inspector.inspect(picture) for picture in tqdm(pictures, unit="image", desc="inspect")]
    return inspector.finish(judged, pictures)
