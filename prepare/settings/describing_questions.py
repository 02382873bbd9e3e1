"""The key `regions` of a prepare recipe: questions for words about a given region."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grounding.recipe.checks import check_part, check_share, check_word
from grounding.recipe.schema import setting

if TYPE_CHECKING:
    from grounding.prompts import Wording


@dataclass(frozen=True)
class DescribingQuestions:
    """Questions for words about a given region; the answers are the texts that the source has of objects."""

    share: float = setting("share of the records that ask for words about a given box, 0 to below 1", 0.0)
    show: Any = setting(
        "how such a question shows the box: spotlight (all else dimmed), outline (a white line), blur (all "
        "else blurred), crop (enlarged beside the picture), text (numbers in the question), or a list to "
        "draw from",
        "spotlight",
    )
    labels: bool = setting("ask also for the category's name where nothing else is known of an object", False)
    dialogue: float = setting(
        "share of these questions that go on with one about boxes, as a second turn, 0 to 1", 0.0
    )
    prompt: Any = setting(
        "question: describe, describe_label, a single wording such as describe_label.en2, or a list of them; "
        "null: all that fit",
        None,
    )

    @property
    def shows(self) -> tuple[str, ...]:
        """The ways to show a box, as a list.

        Raises:
            ValueError: neither a word nor a list of different words.
        """
        from grounding.regions.shown_region import SHOWN_AS

        named = [self.show] if isinstance(self.show, str) else self.show
        is_list = isinstance(named, (list, tuple)) and bool(named)
        if not is_list or not all(isinstance(word, str) for word in named):
            raise ValueError(f"regions.show: one of {', '.join(SHOWN_AS)}, or a list of them is needed")
        for word in named:
            check_word("regions.show", word, SHOWN_AS)
        return tuple(dict.fromkeys(named))

    def check(self, language: str) -> None:
        """Check the values, for questions in a language.

        Raises:
            ValueError: a way to show a box that does not exist, a share out of its range, a dialogue about a
                crop, or a prompt that does not fit the ways to ask.
            UserError: `prompt` names no wording.
        """
        from grounding.regions.shown_region import CROP

        shows = self.shows
        check_part("regions.share", self.share)
        check_share("regions.dialogue", self.dialogue)
        if self.dialogue and CROP in shows:
            raise ValueError(
                "regions.dialogue: boxes in a crop's picture are not those of the image: leave crop out of "
                "regions.show, or set regions.dialogue=0"
            )
        if self.prompt is not None:
            self._check_prompt(language)

    def _check_prompt(self, language: str) -> None:
        from grounding.prompts import REGION_FAMILIES, find_region_wordings

        named = {wording.family for wording in find_region_wordings(self.prompt, language)}
        needed = {REGION_FAMILIES[states_box, self.labels] for states_box in self._states_boxes}
        known = needed | {REGION_FAMILIES[states_box, False] for states_box in self._states_boxes}
        settings = f"regions.show={self.show}, regions.labels={self.labels}"
        if missing := sorted(needed - named):
            raise ValueError(f"regions.prompt: {settings} needs a wording of {missing[0]}: name one, too")
        if unasked := sorted(named - known):
            raise ValueError(f"regions.prompt: {settings} never asks {unasked[0]}: leave it out")

    @property
    def _states_boxes(self) -> list[bool]:
        """Whether questions show the box alone (False), state it (True), or do both."""
        from grounding.yes_no.shown_box import TEXT

        return sorted({show == TEXT for show in self.shows})

    def wordings(self, language: str) -> "tuple[Wording, ...]":
        """Return the templates of all questions; () without any."""
        if not self.share:
            return ()
        return tuple(
            wording
            for names_label in (False, True)[: 1 + self.labels]
            for states_box in self._states_boxes
            for wording in self.wordings_of(language, states_box=states_box, names_label=names_label)
        )

    def wordings_of(self, language: str, *, states_box: bool, names_label: bool) -> "tuple[Wording, ...]":
        """Return the questions that state the box or not, and ask for the category's name or not.

        () if `prompt` names none of them.
        """
        from grounding.prompts import REGION_FAMILIES, find_region_wordings, region_wordings

        if self.prompt is None:
            return region_wordings(language, states_box=states_box, names_label=names_label)
        family = REGION_FAMILIES[states_box, names_label]
        named = find_region_wordings(self.prompt, language)
        return tuple(wording for wording in named if wording.family == family)
