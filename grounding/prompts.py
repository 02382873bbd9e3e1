"""The system prompt, and all wordings of questions (wordings.yaml)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grounding.errors import UserError
from grounding.recipe.schema import suggestion

SYSTEM_PROMPT = "You are a helpful assistant."

LANGUAGES = ("en", "zh")
ANY_LANGUAGE = "any"

IMAGE, CATEGORIES, CATEGORY, EXPRESSION, MORE = "image", "categories", "category", "expression", "more"
YES_NO, REGION = "yes_no", "region"
"""What a question asks about; `more` asks for the rest of an answer that takes several turns, `yes_no`
whether a box is right, and `region` for words about a region."""

RELATION = "relation"
"""What a question asks about if its phrase is computed from boxes and labels: `the leftmost dog`."""

PHRASES = (EXPRESSION, RELATION)
"""What questions ask about that name objects by a phrase: labels of their answers are the phrases."""

YES_NO_FAMILIES = ("yes_no", "yes_no_text")
"""The families about a box that the picture shows, and about one that the text states."""

REGION_FAMILIES = {
    (False, False): "describe",
    (False, True): "describe_label",
    (True, False): "describe_box",
    (True, True): "describe_label_box",
}
"""The families about a region, by whether the text states its box, and whether the answer is its category."""

NO_OBJECTS = (*YES_NO_FAMILIES, *REGION_FAMILIES.values())
"""Families whose answers name no objects."""

CANDIDATES = "candidates"
"""The family of texts that introduce the candidates of a question, which stand in place of {candidates}."""

NO_PROMPTS = (MORE, CANDIDATES, *NO_OBJECTS)
"""Families that a recipe's `prompt` cannot name: their questions come with others."""

WORDINGS_FILE = Path(__file__).with_name("wordings.yaml")


@dataclass(frozen=True)
class Wording:
    """One text of a question: its name, such as category.en2, and what it asks about."""

    name: str
    asks: str
    template: str

    @property
    def family(self) -> str:
        """The name without language and number, such as category."""
        return self.name.partition(".")[0]

    @property
    def wants_json(self) -> bool:
        """Whether the text itself asks for an answer in JSON."""
        return "JSON" in self.template

    @property
    def names_one(self) -> bool:
        """Whether the text asks for one category or expression, which may be absent."""
        return self.asks in (CATEGORY, *PHRASES)

    @property
    def language(self) -> str:
        """The language of the text, one of LANGUAGES."""
        return next(language for language in LANGUAGES if f".{language}" in self.name)

    @property
    def states_box(self) -> bool:
        """Whether the text itself says which box it asks about."""
        return "{box}" in self.template

    def ask(self, about: str = "") -> str:
        """Return the question; `about` is the category, the expression, or the categories with commas."""
        return self.template.replace(f"{{{self.asks}}}", about)

    def ask_about_box(self, label: str, box: str = "") -> str:
        """Return the question about a label's box, or about a region; the box as text where it is stated."""
        return self.template.replace("{box}", box).replace("{label}", label)


@lru_cache(maxsize=1)
def load_wordings() -> dict[str, dict[str, tuple[Wording, ...]]]:
    """Read wordings.yaml: family -> language -> wordings."""
    import yaml

    content = yaml.safe_load(WORDINGS_FILE.read_text(encoding="utf-8"))
    return {
        family: {
            language: tuple(
                Wording(f"{family}.{language}{number}", entry["asks"], text)
                for number, text in enumerate(entry[language], start=1)
            )
            for language in LANGUAGES
        }
        for family, entry in content.items()
    }


def find_wordings(prompt: str | Sequence[str], language: str, key: str = "prompt") -> tuple[Wording, ...]:
    """Return the wordings that a recipe's `prompt` and `language` select, in the order of wordings.yaml.

    `prompt` is the name of a family or of one wording, or a list of names; the name of a wording includes its
    language. `key` is the key of `prompt` in the recipe, for error messages.

    Raises:
        UserError: no such family, wording or language.
    """
    return _find(prompt, language, key, [name for name in load_wordings() if name not in NO_PROMPTS])


def find_region_wordings(prompt: str | Sequence[str], language: str) -> tuple[Wording, ...]:
    """Return the questions for words that a recipe's `regions.prompt` and `language` select.

    Raises:
        UserError: no such family, wording or language.
    """
    return _find(prompt, language, "regions.prompt", list(REGION_FAMILIES.values()))


def _find(prompt: str | Sequence[str], language: str, key: str, names: Sequence[str]) -> tuple[Wording, ...]:
    """Return the wordings of these families that `prompt` names."""
    families = {name: family for name, family in load_wordings().items() if name in names}
    languages = _languages(language)
    by_name = {
        wording.name: wording
        for family in families.values()
        for wordings in family.values()
        for wording in wordings
    }
    chosen: dict[str, Wording] = {}
    for name in [prompt] if isinstance(prompt, str) else prompt:
        if name in by_name:
            chosen[name] = by_name[name]
        elif name in families:
            chosen |= {wording.name: wording for key in languages for wording in families[name][key]}
        else:
            known = (*families, *by_name) if "." in str(name) else tuple(families)
            raise UserError(
                f"{key}: no wording '{name}' (there are {', '.join(families)}, and single ones such as "
                f"{names[-1]}.en2){suggestion(str(name), known)}"
            )
    if not chosen:
        raise UserError(f"{key}: name at least one wording (there are {', '.join(families)})")
    return tuple(wording for name, wording in by_name.items() if name in chosen)


def yes_no_wordings(language: str, *, states_box: bool) -> tuple[Wording, ...]:
    """Return the yes/no questions in a recipe's `language`: those that state the box, or the others.

    Raises:
        UserError: no such language.
    """
    family = load_wordings()[YES_NO_FAMILIES[states_box]]
    return tuple(wording for key in _languages(language) for wording in family[key])


def region_wordings(language: str, *, states_box: bool, names_label: bool) -> tuple[Wording, ...]:
    """Return the questions for words about a region in a recipe's `language`.

    They state the box, or do not; they ask for the category's name alone, or for a description.

    Raises:
        UserError: no such language.
    """
    family = load_wordings()[REGION_FAMILIES[states_box, names_label]]
    return tuple(wording for key in _languages(language) for wording in family[key])


def candidate_wordings(language: str) -> tuple[Wording, ...]:
    """Return the texts that introduce a question's candidates in a recipe's `language`.

    Raises:
        UserError: no such language.
    """
    return tuple(wording for key in _languages(language) for wording in load_wordings()[CANDIDATES][key])


def _languages(language: str) -> tuple[str, ...]:
    if language not in (*LANGUAGES, ANY_LANGUAGE):
        raise UserError(f"language: no '{language}' (there are {', '.join((*LANGUAGES, ANY_LANGUAGE))})")
    return LANGUAGES if language == ANY_LANGUAGE else (language,)


def kind_of_text(template: str) -> str:
    """Return what a text asks about, by its placeholder: one of CATEGORIES, CATEGORY, PHRASES, or IMAGE."""
    return next((kind for kind in (CATEGORIES, CATEGORY, *PHRASES) if f"{{{kind}}}" in template), IMAGE)


def asks_for_phrases(names: Iterable[str], *kinds: str) -> bool:
    """Tell whether a wording with one of these names asks for a phrase of these kinds, () of any kind."""
    by_name = {
        wording.name: wording.asks
        for family in load_wordings().values()
        for wordings in family.values()
        for wording in wordings
    }
    return any(by_name.get(name) in (kinds or PHRASES) for name in names)


def draw_wording(wordings: Sequence[Wording], *key: object) -> Wording:
    """Draw the wording of a question; it depends on the key alone, not on other questions."""
    return wordings[draw(*key) % len(wordings)] if len(wordings) > 1 else wordings[0]


def draw(*key: object) -> int:
    """Return a pseudo-random number of 64 bits for a key, such as seed and image."""
    text = "\x1f".join(map(str, key))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
