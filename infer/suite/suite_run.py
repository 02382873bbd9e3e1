"""Runs a suite: asks and scores each member, and writes the table of all of them."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.files import write_json, write_text
from grounding.suites.suite_recipe import SET_MARK, TABLE_JSON, TABLE_TEXT, SuiteRecipe, suite_folder
from grounding.suites.suite_sets import missing_parts
from infer.runs.predict import EngineOpener, predict
from infer.suite.mean_rows import Scored, mean_rows
from infer.suite.member_scores import MemberScores, score_boxes
from infer.suite.pope.pope_run import measure_pope
from infer.suite.shared_engine import SharedEngine
from infer.suite.suite_means import SET, SuiteRow
from infer.suite.suite_members import Member, list_members
from infer.suite.suite_table import SuiteTable

log = logging.getLogger(__name__)


def run_suite(suite: SuiteRecipe, path: Path, open_engine: EngineOpener) -> SuiteTable:
    """Ask and score all members, write suite.json and suite.md into the suite's folder, and return the table.

    Answers that are there are not asked again: an interrupted suite resumes, and ends with the same bytes. A
    member that fails is a problem of the table; the others are asked and shown.

    Raises:
        UserError: the suite itself cannot be run, or its checkpoint is none.
    """
    folder = suite_folder(suite, path)
    members = list_members(suite, path, folder)
    if SET_MARK not in (suite.checkpoint or ""):
        members[0].recipe.resolve_checkpoint()
    opener = SharedEngine(open_engine)
    scored: dict[str, MemberScores] = {}
    problems: dict[str, str] = {}
    for number, member in enumerate(members, start=1):
        log.info("%s: %d of %d", member.name, number, len(members))
        try:
            scored[member.name] = _measure(member, suite, opener)
        except UserError as error:
            problems[member.name] = str(error)
            log.warning("%s: %s", member.name, error)
            continue
    means, without = mean_rows(suite, members, scored)
    rows = (*_set_rows(suite, members, scored), *means)
    metrics = tuple(suite.metrics)
    notes = {name: found.notes for name, found in scored.items() if found.notes}
    if limits := sorted({member.recipe.limit for member in members if member.recipe.limit is not None}):
        limit = f"limit={limits[0]}: a part of each set was asked, which no published figure is about"
        notes = {path.stem: (limit,), **notes}
    table = SuiteTable(
        path.stem, suite.checkpoint, metrics, suite.draws, rows, {**problems, **without}, notes
    )
    write_json(folder / TABLE_JSON, table.as_json())
    write_text(folder / TABLE_TEXT, table.as_markdown())
    return table


def _measure(member: Member, suite: SuiteRecipe, opener: SharedEngine) -> MemberScores:
    """Ask what has no answer yet, and score.

    Raises:
        UserError: a part of the set is missing, or it cannot be asked or scored.
    """
    one = member.suite_set
    for problem in missing_parts(one):
        raise UserError(problem)
    if one.questions is not None and one.images is not None:
        return measure_pope(member.recipe, one.questions, one.images, suite.metrics, suite.draws, opener)
    predictions = predict(member.recipe, opener)
    return score_boxes(predictions, one.name, suite.metrics, suite.draws)


def _set_rows(suite: SuiteRecipe, members: Sequence[Member], scored: Scored) -> Iterator[SuiteRow]:
    for member in members:
        if (found := scored.get(member.name)) is not None:
            yield SuiteRow(
                SET,
                member.suite_set.name,
                member.way,
                found.values,
                found.intervals,
                asked=found.asked,
                folder=member.recipe.output_dir,
            )
