"""Prepare recipes, checked, and the wordings that they choose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prepare.settings.key_conflicts import check_conflicts
from prepare.settings.recipe_keys import RecipeKeys

if TYPE_CHECKING:
    from grounding.prompts import Wording


@dataclass(frozen=True)
class PrepareRecipe(RecipeKeys):
    """A recipe whose keys have possible values and go together."""

    def __post_init__(self) -> None:
        self.check_values()
        check_conflicts(self)

    @property
    def candidate_wordings(self) -> "tuple[Wording, ...]":
        """The texts that introduce candidates; () without any."""
        from grounding.prompts import candidate_wordings

        return candidate_wordings(self.language) if self.candidates.files else ()

    @property
    def continuation(self) -> "Wording":
        """The user's text between two turns of an answer."""
        from grounding.prompts import LANGUAGES, MORE, load_wordings

        return load_wordings()[MORE][self.language if self.language in LANGUAGES else LANGUAGES[0]][0]

    @property
    def prompts(self) -> dict[str, str]:
        """The templates by name, as the card keeps them."""
        turns = [self.continuation] if self.max_objects is not None and self.overflow == "turns" else []
        asked = (
            *(*self.wordings, *turns, *self.yes_no.wordings(self.language)),
            *(*self.regions.wordings(self.language), *self.candidate_wordings),
        )
        return {wording.name: wording.template for wording in asked}
