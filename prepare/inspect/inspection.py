"""An inspection: the kind of a folder, its content, what follows from it, and the recipe with its sheet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import is_unicode, lies_inside, replacing
from grounding.recipe.loading import load_settings, parse_overrides
from prepare.drops import check_usable
from prepare.inspect.candidates import choose_candidate, find_candidates, settings_of
from prepare.inspect.decisions import Decisions, decide
from prepare.inspect.picture_sheet import choose_pictures, draw_sheet
from prepare.inspect.recipe_text import EXPRESSION_KEYS, as_words, recipe_text
from prepare.inspect.report_lines import describe_kind, describe_survey
from prepare.inspect.survey import Survey, survey_source
from prepare.questions.objects import ObjectReader
from prepare.reasons import DAMAGE
from prepare.recipe import PrepareRecipe
from prepare.sources.signs.folder_listing import list_folder
from prepare.sources.signs.sign import Sign
from prepare.sources.source import Source
from prepare.sources.source_of_recipe import open_recipe_source
from prepare.sources.source_settings import EXPRESSION_KINDS


@dataclass(frozen=True)
class Plan:
    """Where the recipe is written; the sheet and the data set get the same name beside it."""

    folder: Path
    recipe: Path
    is_overwriting: bool = False

    @property
    def sheet(self) -> Path:
        """The path of the nine pictures."""
        return self.recipe.with_suffix(".png")

    @property
    def output_dir(self) -> Path:
        """The folder of the data set that the recipe prepares."""
        return self.recipe.with_suffix("")


@dataclass(frozen=True)
class _Opened:
    """A source opened with a recipe: the recipe's dotted keys, and the names of the categories."""

    keys: Mapping[str, Any]
    recipe: PrepareRecipe
    source: Source
    names: tuple[str, ...]

    @property
    def reader(self) -> ObjectReader:
        """What reads the source's objects."""
        return ObjectReader(self.source.box_format, frozenset(self.names))


def inspect_folder(plan: Plan, words: Sequence[str], say: Callable[[str], None]) -> None:
    """Look into a folder, write the recipe and the sheet, and report with `say` what is found when.

    Args:
        plan: the folder, and where to write.
        words: `key=value` words of the user, which are kept in the recipe.
        say: takes each part of the report.

    Raises:
        UserError: nothing is known, several kinds fit, the source is refused, only the user can decide, or
            another recipe is there. Nothing is written then.
    """
    _check_place(plan)
    given = _flat(words)
    listing = list_folder(plan.folder)
    sign = choose_candidate(find_candidates(listing), given, listing)
    say(describe_kind(sign))
    keys = _first_keys(sign, settings_of(sign, listing), plan, given)
    try:
        opened = _open(keys, words)
        survey = survey_source(opened.source, frozenset(opened.names))
        decisions = decide(sign.kind, opened.source.box_format, survey, given)
        if decisions.keys:
            opened = _open({**opened.keys, **decisions.keys}, words)
            survey = survey_source(opened.source, frozenset(opened.names))
    except UserError as error:
        raise UserError(f"{plan.folder} is source.kind={sign.kind}, but {error}") from error
    report = describe_survey(survey, opened.names)
    say("\n".join([report, *decisions.evidence]))
    _check_choices(plan.folder, decisions)
    _check_usable(plan.folder, survey, opened.recipe)
    chosen = choose_pictures(survey.images)
    findings = [describe_kind(sign), report, *decisions.evidence]
    text = recipe_text(str(plan.folder), str(plan.recipe), opened.keys, findings).encode()
    picture = draw_sheet(chosen, opened.reader, opened.recipe.exif) if chosen else None
    contents = {plan.recipe: text} | ({plan.sheet: picture} if picture else {})
    write_new(contents, is_overwriting=plan.is_overwriting)
    say("\n".join(f"{'recipe' if path == plan.recipe else 'pictures'}: {path}" for path in contents))


def write_new(contents: Mapping[Path, bytes], *, is_overwriting: bool) -> None:
    """Write files; what is there already is only replaced by other content with `is_overwriting`.

    Raises:
        UserError: other content is there, or a file cannot be written.
    """
    for path, content in contents.items():
        if path.exists() and not is_overwriting and not (path.is_file() and path.read_bytes() == content):
            raise UserError(f"{path}: another file is there: add --overwrite, or name another --recipe")
    for path, content in contents.items():
        with replacing(path) as file:
            file.write(content)


def _check_place(plan: Plan) -> None:
    if not is_unicode(str(plan.folder)):
        raise UserError(f"{plan.folder}: a recipe can only hold a path that is UTF-8: rename the folder")
    if plan.folder.is_dir() and lies_inside(plan.recipe, plan.folder):
        raise UserError(
            f"{plan.recipe}: lies in {plan.folder}, which is looked into: name the folder of the annotated "
            "images alone, or another --recipe"
        )


def _flat(words: Sequence[str]) -> dict[str, Any]:
    """Return `key=value` words as dotted keys."""
    from omegaconf import OmegaConf

    found: dict[str, Any] = {}

    def add(content: Mapping[str, Any], prefix: str) -> None:
        for key, value in content.items():
            if isinstance(value, dict):
                add(value, f"{prefix}{key}.")
            else:
                found[f"{prefix}{key}"] = value

    container: Any = OmegaConf.to_container(parse_overrides(words))
    add(container, "")
    return found


def _first_keys(
    sign: Sign, settings: Mapping[str, Any], plan: Plan, given: Mapping[str, Any]
) -> dict[str, Any]:
    keys: dict[str, Any] = {**settings, "categories": settings.get("categories", "source")}
    keys |= {"output_dir": str(plan.output_dir), "total_samples": None, "val_ratio": 0.1}
    if sign.kind in EXPRESSION_KINDS:
        keys |= EXPRESSION_KEYS
    return {**keys, **given}


def _open(keys: Mapping[str, Any], words: Sequence[str]) -> _Opened:
    recipe = load_settings(PrepareRecipe, [*as_words(keys), *words])
    source = open_recipe_source(recipe.source, recipe.resolved_categories)
    categories = recipe.resolved_categories or source.own_categories or ()
    return _Opened(keys, recipe, source, tuple(category.name for category in categories))


def _check_choices(folder: Path, decisions: Decisions) -> None:
    if decisions.questions:
        raise UserError(f"{folder}: nothing was written: {'; '.join(decisions.questions)}")


def _check_usable(folder: Path, survey: Survey, recipe: PrepareRecipe) -> None:
    """Refuse what preparing would refuse.

    Raises:
        UserError: boxes that contradict the recipe, nothing usable, or too much damage.
    """
    if survey.contradiction:
        raise UserError(f"{folder}: {survey.contradiction}")
    check_usable(range(survey.splits["train"].usable), folder, survey.dropped)
    lost = [each for each in survey.lost if each.reason in DAMAGE]
    count = sum(each.images for each in lost)
    if count > recipe.max_bad_share * (survey.expected + count):
        raise UserError(
            f"{folder}: {count:,} of {survey.expected + count:,} images cannot be used; the first: "
            f"{lost[0].where}: {lost[0].reason}: mend them, or add max_bad_share=SHARE"
        )
    bad = [image for image in survey.images if image.fault is not None]
    if len(bad) > recipe.max_bad_share * len(survey.images):
        raise UserError(
            f"{folder}: {len(bad):,} of {len(survey.images):,} images looked at cannot be used; the first: "
            f"{bad[0].annotation.where}: {bad[0].fault}: mend them, or add max_bad_share=SHARE"
        )
