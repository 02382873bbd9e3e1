"""Inspects the pictures of a folder, once or as a camera writes them, and asks about none of them twice."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import read_json, write_json
from infer.confidence.calibration import fingerprint_calibration
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe, check_saved_recipe, save_recipe
from infer.report.asked_model import model_of_recipe
from infer.report.inspecting import Inspector, make_inspector
from infer.report.inspection_types import Inspection
from infer.report.pictures.answered_picture import AnsweredPicture
from infer.report.pictures.answers_file import ANSWERS_FILE, read_answers
from infer.report.pictures.asked_pictures import PictureAsker
from infer.report.pictures.known_pictures import KnownPictures
from infer.report.pictures.picture_folder import SettledPictures, list_pictures
from infer.report.pictures.picture_questions import picture_wording
from infer.report.report_files import inspection_line
from infer.report.report_settings import ReportSettings
from infer.runs.calibrated_run import calibration_of_engine
from infer.runs.grammar_check import check_grammar
from infer.runs.part_file import locked

ASKED_FILE = "asked.json"
"""In a report's folder: what was asked, of which model."""

LOOK_SECONDS, REST = 0.2, 4
"""Between two looks at a folder that is watched: so long, and REST times what a look takes."""

SUMMARY_SECONDS = 60.0
"""How often the summary of a folder that is watched is written anew."""

Say = Callable[[str], None]
"""Prints a line."""


def report_on_folder(
    place: Path,
    settings: ReportSettings,
    recipe: InferRecipe,
    open_engine: Callable[[InferRecipe], Engine],
    say: Say,
) -> str:
    """Ask about the pictures of a folder, or about one, write the report, and return its last lines.

    With `watch`, it goes on with each new picture, and says a line about it. A picture that was asked about
    before is not asked about again: its answer is in answers.jsonl, which other rules can judge.

    Raises:
        UserError: the folder, the recipe, the rules or the threshold cannot be used, or a file cannot be
            written.
    """
    card, dataset = load_card(recipe.dataset_path), recipe.dataset_path
    check_grammar(recipe)
    checkpoint = recipe.resolve_checkpoint()
    asked = model_of_recipe(recipe, checkpoint)
    inspector = make_inspector(settings, recipe.output_path, asked, card, dataset)
    if inspector.needs_confidence and recipe.score == "none" and recipe.agree == 1:
        raise UserError(
            f"{inspector.needs_confidence}: boxes have no confidence with score=none: add score=min_prob, or "
            "score=calibrated"
        )
    folder = place.parent if place.is_file() else place
    only = place.name if place.is_file() else None
    if not list_pictures(folder, only) and not settings.watch:
        raise UserError(f"{place}: no picture, and no predictions.jsonl of a run")
    wording = picture_wording(card, dataset)
    calibration = calibration_of_engine(recipe, checkpoint)
    origin = {
        "checkpoint": asked.note["fingerprint"],
        "calibration": "none" if calibration is None else fingerprint_calibration(calibration),
        "system": card.system_prompt,
        "question": wording.template,
    }
    path = recipe.output_path / ANSWERS_FILE
    with locked(path):
        _claim_folder(recipe, origin, inspector)
        pictures = read_answers(path, folder)
        with path.open("ab") as file:
            asker = PictureAsker(recipe, card, wording, folder, open_engine, calibration, path, file)
            report = FolderReport(inspector, asker, settings, only, pictures)
            report.judge_known()
            return report.watch(say) if settings.watch else report.ask_present()


def _claim_folder(recipe: InferRecipe, origin: dict[str, str], inspector: Inspector) -> None:
    """Check that the answers in the folder are of this recipe and model; with `overwrite`, remove them."""
    check_saved_recipe(recipe)
    path, answers = recipe.output_path / ASKED_FILE, recipe.output_path / ANSWERS_FILE
    if recipe.overwrite:
        with suppress(UserError):  # what cannot be read names no files
            for picture in read_answers(answers, Path()):
                inspector.files.path_of(picture.name).unlink(missing_ok=True)
        answers.unlink(missing_ok=True)
    elif path.is_file() and (known := read_json(path)) != origin:
        changed = [key for key in origin if not isinstance(known, dict) or known.get(key) != origin[key]]
        raise UserError(
            f"{path}: the answers here are of another {changed[0] if changed else 'model'}: set another "
            "output_dir, or overwrite=true to ask again"
        )
    save_recipe(recipe)
    write_json(path, origin)


@dataclass
class FolderReport:
    """The report of a folder as it grows. `only` is the one file that is inspected, None for all."""

    inspector: Inspector
    asker: PictureAsker
    settings: ReportSettings
    only: str | None
    pictures: list[AnsweredPicture]
    inspections: list[Inspection] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Remember what was asked about already."""
        self._known = KnownPictures(self.asker.folder, self.pictures)

    def judge_known(self) -> None:
        """Judge the pictures that were asked about already: the rules may have changed."""
        from tqdm import tqdm

        bar = tqdm(self.pictures, unit="image", desc="judge", disable=not self.pictures)
        self.inspections = [self.inspector.inspect(picture) for picture in bar]

    def ask_present(self) -> str:
        """Ask about the pictures that are there, and return the last lines of the report."""
        from tqdm import tqdm

        stamps = list_pictures(self.asker.folder, self.only)
        names = [name for name, stamp in stamps.items() if not self._known.holds(name, stamp)]
        with tqdm(total=len(names), unit="image", desc="inspect", disable=not names) as bar:
            for _ in self._ask(names):
                bar.update()
        return self._finish()

    def watch(self, say: Say) -> str:
        """Inspect each new picture, and say a line about it, until none has come for `idle_seconds`.

        Ctrl-C ends it, too: the summary is written first.
        """
        try:
            self._watch(say)
        except KeyboardInterrupt:
            self._finish()
            raise
        return self._finish()

    def _watch(self, say: Say) -> None:
        settled = SettledPictures(
            self.asker.folder, self.settings.settle_seconds, self.settings.patience_seconds
        )
        last_new = last_summary = time.monotonic()
        is_summary_old = True
        while True:
            start = time.monotonic()
            names = self._find_new(settled)
            look = time.monotonic() - start
            for inspection in self._ask(names):
                say(inspection_line(inspection))
                is_summary_old, last_new = True, time.monotonic()
            now = time.monotonic()
            if is_summary_old and now - last_summary >= SUMMARY_SECONDS:
                self._finish()
                is_summary_old, last_summary = False, time.monotonic()
            idle = self.settings.idle_seconds
            if idle is not None and now - last_new >= idle:
                return
            time.sleep(max(LOOK_SECONDS, REST * look))

    def _find_new(self, settled: SettledPictures) -> list[str]:
        stamps = {
            name: stamp
            for name, stamp in list_pictures(self.asker.folder, self.only).items()
            if not self._known.is_unchanged(name, stamp)
        }
        return [name for name in settled.finished(stamps) if not self._known.holds(name, stamps[name])]

    def _ask(self, names: Sequence[str]) -> Iterator[Inspection]:
        """Ask about pictures, and yield their inspections as the answers come."""
        for picture in self.asker.ask(names):
            self._known.add(picture)
            self.pictures.append(picture)
            self.inspections.append(self.inspector.inspect(picture))
            yield self.inspections[-1]

    def _finish(self) -> str:
        return self.inspector.finish(self.inspections, self.pictures)
