"""The schema of recipes/suites/*.yaml: the sets that a checkpoint is measured on, and how it is asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from grounding.recipe.schema import key_names, setting

SET_MARK = "{set}"
"""In `checkpoint`: the name of the set, where each set has a model of its own."""

SUITES_FOLDER = "suites"
"""In a checkpoint's folder: a folder for each suite that was run on it."""

TABLE_JSON, TABLE_TEXT = "suite.json", "suite.md"
"""In a suite's folder: the table of its scores."""

AS_PREPARED = "as_prepared"
"""The way of asking of a suite that names none: the records' own questions, each once."""


@dataclass(frozen=True)
class SuiteRecipe:
    """A suite. All keys of recipes/infer/*.yaml that are not below can be given as key=value, too."""

    checkpoint: str | None = setting(
        f"model folder, LoRA run's folder, or model on a hub; {SET_MARK} in it: one model per set", None
    )
    output_dir: str | None = setting(
        f"folder of the table and of all answers (null: {SUITES_FOLDER}/NAME in the checkpoint's folder)",
        None,
    )
    sets: dict[str, Any] = setting(
        "name: {dataset: FOLDER}, or name: {questions: FILE, images: FOLDER} for POPE; domain: in or out; "
        "group: NAME, which gets a mean of its own",
        default_factory=dict,
    )
    datasets: str | None = setting(
        "pattern of folders, such as data/odinw/*: each is a set of its name", None
    )
    expected: int | None = setting(
        "how many sets the published mean is over (null: as many as there are)", None
    )
    ways: dict[str, Any] = setting(
        "name: {keys of an infer recipe}: each data set is asked in each way", default_factory=dict
    )
    metrics: list[str] = setting("keys of scores.json that the table shows", default_factory=list)
    average: bool = setting("add the mean over the sets, in which each set counts the same", False)
    answers: dict[str, Any] = setting("keys of an infer recipe that hold for all sets", default_factory=dict)
    draws: int = setting("bootstrap draws of the images for the intervals; 0: no intervals", 1000)

    def __post_init__(self) -> None:
        if not (self.sets or self.datasets):
            raise ValueError("sets: name at least one, or set datasets to a pattern of folders")
        if not self.metrics:
            raise ValueError("metrics: name at least one, such as metrics: [AP, AP50]")
        if self.draws < 0:
            raise ValueError(f"draws: {self.draws} is less than 0")
        if self.expected is not None and self.expected < 1:
            raise ValueError(f"expected: {self.expected} is less than 1")
        for key, named in (("sets", self.sets), ("ways", self.ways)):
            for name, value in named.items():
                if not isinstance(value, dict):
                    raise ValueError(f"{key}.{name}: a mapping of keys is needed, such as {{}}")
                check_name(name, key)


def check_name(name: object, key: str) -> None:
    """Check the name of a set or a way, which becomes the name of a folder.

    Raises:
        ValueError: it cannot be one.
    """
    text = str(name)
    if not text.strip() or text.startswith(".") or "/" in text or "\\" in text or not text.isprintable():
        raise ValueError(f"{key}: '{text}' cannot be the name of a folder: use letters, digits, _ and -")


def load_suite(path: Path, overrides: list[str] | None = None) -> SuiteRecipe:
    """Read a suite; words `key=value` with other keys than a suite's are keys of an infer recipe.

    Raises:
        UserError: no such file, or a key or value that is none.
    """
    own = {name.partition(".")[0] for name in key_names(SuiteRecipe)}
    words = [
        word if "=" not in word or word.split("=")[0].partition(".")[0] in own else f"answers.{word}"
        for word in overrides or ()
    ]
    return load_recipe(SuiteRecipe, path, words)


def suite_folder(suite: SuiteRecipe, path: Path) -> Path:
    """Return the folder of a suite's table and answers.

    Raises:
        UserError: no output_dir is set, and no single checkpoint's folder can hold it.
    """
    if suite.output_dir:
        return Path(suite.output_dir)
    if not suite.checkpoint:
        raise UserError(f"{path}: output_dir must be set where there is no checkpoint (engine=openai)")
    if SET_MARK in suite.checkpoint or not Path(suite.checkpoint).is_dir():
        raise UserError(
            f"{path}: output_dir must be set: checkpoint={suite.checkpoint} is not one folder to put it in"
        )
    return Path(suite.checkpoint) / SUITES_FOLDER / path.stem
