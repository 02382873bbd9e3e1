"""The recipe of `python -m infer`, and the copy of it that each output folder keeps."""

from dataclasses import asdict, dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.files import write_text
from grounding.layout import INFER_RECIPE_FILE
from grounding.prompts import ANY_LANGUAGE, Wording, find_wordings
from grounding.recipe.loading import load_recipe
from grounding.recipe.schema import setting
from grounding.views.view_settings import ViewSettings
from infer.engines.settings import CALIBRATED, HEAD, EngineSettings, check_choices, check_counts
from infer.run_settings import RunSettings

ZOOMS = ("none", "tiles", "boxes")
VERIFIES = ("none", "mark", "drop")
HIGH_RECALL = "high"
NO_CANDIDATES = "none"
RECALLS = ("normal", HIGH_RECALL)
ANSWER_UNITS = ("grid", "pixels", "fractions", "pixels_resized")

SAME_ANSWERS = (
    "batch_size",
    "base_url",
    "concurrency",
    "image_cache_megabytes",
    "timeout",
    "retries",
    "shard",
    "overwrite",
    "max_detections",
)
"""The keys that change where and how fast questions are asked, or the scores, but not the answers."""


@dataclass(frozen=True, kw_only=True)
class InferRecipe(
    ViewSettings, EngineSettings, RunSettings
):  # dataclasses put the keys of the last base first
    """Which model is asked about which images, and how.

    There is no prompt here: system message and question are those of the data set's records, so that
    the question asked is the question trained. `wording` is only for questions that the records do not
    hold, as the model may have been trained on another data set.
    """

    per_category: bool = setting("ask for one category at a time, and merge the answers", False)
    zoom: str = setting(
        " | ".join(ZOOMS) + ": ask again about parts of the image, at full resolution", "none"
    )
    verify: str = setting(
        " | ".join(VERIFIES) + ": ask for each label again, and mark or drop boxes that do not return", "none"
    )
    wording: str | None = setting(
        "of grounding/wordings.yaml, in which per_category and verify ask (null: the data set's)", None
    )
    candidates: str | None = setting(
        "FILE: COCO results of a detector in place of the records' candidates, none: ask without any (null: "
        "as the records have them)",
        None,
    )
    answer_units: str = setting(
        " | ".join(ANSWER_UNITS)
        + ": of the coordinates in answers; a model trained here writes grid, others "
        "may write fractions of the image, its pixels, or those of the image as the processor resizes it "
        "(Qwen2.5-VL)",
        ANSWER_UNITS[0],
    )
    agree: int = setting("answers sampled per question; a box needs half of the votes (1: no vote)", 1)
    recall: str = setting(
        " | ".join(RECALLS) + ": sample more answers, and keep every object with a score, best with "
        "score=calibrated",
        RECALLS[0],
    )
    recall_answers: int = setting("recall=high: answers that are sampled beside the first", 6)
    recall_temperature: float = setting("recall=high: the temperature that these are sampled at", 1.0)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        EngineSettings.__post_init__(self)
        RunSettings.__post_init__(self)
        self._check_views()
        choices = {"zoom": ZOOMS, "verify": VERIFIES, "answer_units": ANSWER_UNITS, "recall": RECALLS}
        check_choices(self, choices)
        check_counts(self, ("agree", "recall_answers"))
        if self.answer_units == "pixels_resized" and self.checkpoint is None:
            raise ValueError(
                "answer_units: pixels_resized needs checkpoint, the model's folder: its image processor "
                "tells to what size an image is resized"
            )
        if self.grammar != "none" and self.answer_units != "grid":
            raise ValueError(
                f"grammar: its numbers are 0..1000: with answer_units={self.answer_units} set grammar=none"
            )
        if self.agree > 1 and not self.is_sampled:
            raise ValueError(
                f"agree: {self.agree} answers are all the same at temperature=0: set, for example, "
                "temperature=0.7"
            )
        if self.uses_box_head and self.answer_units != "grid":
            raise ValueError(
                f"boxes: a box head reads numbers of 0..1000: with answer_units={self.answer_units} leave "
                "boxes=head and score=head out"
            )
        self._check_recall()
        if self.agree > 1 and self.score in (CALIBRATED, HEAD):
            raise ValueError(
                f"agree: with agree={self.agree} the score of a box is its share of the votes, not "
                f"score={self.score}: leave one of them out"
            )
        if not all(wording.names_one for wording in self.wordings):
            raise ValueError(
                f"wording: '{self.wording}' does not ask about one category or expression, as category.en1 "
                "and expression.en1 do"
            )

    def _check_views(self) -> None:
        self.check_views()
        if self.has_views and (own := self.own_questions):
            raise ValueError(
                f"views: {own} asks questions of its own, without views: leave {own.partition('=')[0]} or "
                "views out"
            )

    @property
    def own_questions(self) -> str:
        """The first key that asks questions which the data set does not hold, with its value; "" without."""
        chosen = {
            "per_category=true": self.per_category,
            f"zoom={self.zoom}": self.zoom != "none",
            f"verify={self.verify}": self.verify != "none",
            "score=yes_no": self.score == "yes_no",
        }
        return next((key for key, is_chosen in chosen.items() if is_chosen), "")

    def _check_recall(self) -> None:
        if not self.recall_temperature > 0:
            raise ValueError(
                f"recall_temperature: {self.recall_temperature} is not above 0, as sampled answers need"
            )
        if self.recall == HIGH_RECALL and self.agree > 1:
            raise ValueError(
                f"recall: high keeps the boxes that agree={self.agree} drops: leave one of them out"
            )

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """The wordings that `wording` names."""
        return () if self.wording is None else find_wordings(self.wording, ANY_LANGUAGE, key="wording")

    def answer_labels(self) -> tuple[str, ...]:
        """Return the names of the data set's categories if the grammar allows no others, else ().

        Raises:
            UserError: the data set has no card that can be read.
        """
        if self.grammar == "none" or self.grammar_labels == "free":
            return ()
        from grounding.card import load_card

        return tuple(category.name for category in load_card(self.dataset_path).categories)

    def asks_the_same_as(self, other: "InferRecipe") -> bool:
        """Tell whether the other recipe gives the same answers: the keys in SAME_ANSWERS do not matter."""
        return not changed_keys(self, other)


def save_recipe(recipe: InferRecipe) -> None:
    """Write the resolved recipe as infer.yaml into its output folder.

    A user and a password in base_url are left out: the folder is shown and shared, and a run that resumes
    takes the address of its own recipe.
    """
    from omegaconf import OmegaConf

    contents = {**asdict(recipe), "base_url": without_user(recipe.base_url)}
    del contents["overwrite"]  # it holds for one run only
    write_text(recipe.file(INFER_RECIPE_FILE), OmegaConf.to_yaml(contents))


def without_user(address: str | None) -> str | None:
    """Return an address without `user:password@`: all that stands before the last @ of its host."""
    if address is None:
        return None
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def saved_recipe(output_dir: Path) -> InferRecipe | None:
    """Read the recipe that made a folder's predictions, None where there is none."""
    path = output_dir / INFER_RECIPE_FILE
    return load_recipe(InferRecipe, path) if path.is_file() else None


def check_saved_recipe(recipe: InferRecipe) -> None:
    """Refuse to mix the predictions of two recipes in one folder.

    Raises:
        UserError: the folder holds predictions of another recipe, and `overwrite` is not set.
    """
    if recipe.overwrite:
        return
    for path in {recipe.output_path / INFER_RECIPE_FILE, recipe.file(INFER_RECIPE_FILE)}:
        saved = load_recipe(InferRecipe, path) if path.is_file() else recipe
        if changes := changed_keys(saved, recipe):
            raise UserError(
                f"{path}: predictions of another recipe are here: {changes}; "
                "set another output_dir, or overwrite=true"
            )


def changed_keys(before: InferRecipe, now: InferRecipe) -> str:
    """Name the keys that lead to other answers, with both values; "" where there are none."""
    old, new = asdict(before), asdict(now)
    changed = [key for key in new if new[key] != old[key] and key not in SAME_ANSWERS]
    return ", ".join(f"{key}={new[key]} (was {old[key]})" for key in changed)
