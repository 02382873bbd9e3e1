"""The sets of a suite: prepared data sets, and POPE's question files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.layout import ANNOTATIONS_FILE, JSONL_FILES
from grounding.recipe.schema import suggestion
from grounding.record.contract import is_replay
from grounding.suites.suite_recipe import SuiteRecipe, check_name

DOMAINS = ("in", "out")
"""Sets like the training data, and sets of another kind: the table has the difference of their means."""

KEYS = ("dataset", "questions", "images", "domain", "group")


@dataclass(frozen=True)
class SuiteSet:
    """A set of a suite: the folder of a prepared data set, or a file of yes/no questions and its images.

    Sets of one `group` have a mean of their own in the table, such as that of a published domain.
    """

    name: str
    dataset: Path | None = None
    questions: Path | None = None
    images: Path | None = None
    domain: str | None = None
    group: str | None = None


def list_sets(suite: SuiteRecipe, path: Path) -> tuple[SuiteSet, ...]:
    """Return the sets of a suite, those of the pattern by name behind those that are named.

    Raises:
        UserError: keys that are none, or two sets of one name. That a set's files are there is not checked.
    """
    try:
        named = [_named_set(str(name), value) for name, value in suite.sets.items()]
        found = [SuiteSet(folder.name, folder) for folder in _folders(suite)]
        for one in found:
            check_name(one.name, "datasets")
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    sets = (*named, *found)
    for number, one in enumerate(sets):
        if one.name in [other.name for other in sets[:number]]:
            raise UserError(f"{path}: sets: two are called '{one.name}': give one of them another name")
    if not sets:
        raise UserError(
            f"{path}: datasets: no prepared data set fits '{suite.datasets}': prepare them first (python -m "
            "prepare.each)"
        )
    return sets


def missing_parts(one: SuiteSet) -> Iterator[str]:
    """Yield what a set lacks: the message says what to do.

    Raises:
        UserError: its card cannot be read.
    """
    if one.dataset is not None:
        if (one.dataset / CARD_FILE).is_file() and is_replay(load_card(one.dataset)):
            yield (
                f"{one.dataset}: holds a model's answers to prompts (prepare.replay), which no score is made "
                "from: name a data set with boxes, or name this one in grounding_keep"
            )
            return
        for name in (CARD_FILE, JSONL_FILES["val"], ANNOTATIONS_FILE):
            if not (one.dataset / name).is_file():
                yield f"{one.dataset / name}: no such file: prepare the data set first (python -m prepare)"
                return
        return
    if one.questions is not None and not one.questions.is_file():
        yield f"{one.questions}: no such file: download POPE's questions, or name their place"
    if one.images is not None and not one.images.is_dir():
        yield f"{one.images}: no such folder: it has to hold the images of {one.questions}"


def _named_set(name: str, value: dict[str, Any]) -> SuiteSet:
    for key in value:
        if key not in KEYS:
            raise ValueError(f"sets.{name}: unknown key '{key}'{suggestion(str(key), KEYS)}")
    texts = {key: text for key, text in value.items() if text is not None}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"sets.{name}.{key}: a text is needed")
    if ("dataset" in texts) == ("questions" in texts) or ("images" in texts) != ("questions" in texts):
        raise ValueError(
            f"sets.{name}: write dataset, the folder of a prepared data set; or questions and images, of POPE"
        )
    domain, group = texts.pop("domain", None), texts.pop("group", None)
    if domain is not None and domain not in DOMAINS:
        raise ValueError(f"sets.{name}.domain: '{domain}' is not one of {', '.join(DOMAINS)}")
    paths = {key: Path(text).expanduser() for key, text in texts.items()}
    return SuiteSet(name, domain=domain, group=group, **paths)


def _folders(suite: SuiteRecipe) -> list[Path]:
    if suite.datasets is None:
        return []
    pattern = Path(suite.datasets).expanduser()
    try:
        found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, NotImplementedError) as error:
        raise ValueError(f"datasets: '{suite.datasets}' is no pattern of folders: {error}") from error
    return [folder for folder in found if (folder / CARD_FILE).is_file()]
