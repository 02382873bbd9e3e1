"""The words by which a description names its object: the label, and words for it in both languages."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from grounding.errors import UserError
from grounding.files import check_types
from grounding.recipe.loading import read_yaml
from grounding.recipe.schema import suggestion

COCO_WORDS_FILE = Path(__file__).with_name("coco_words.yaml")
COCO = "coco"

CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
"""Chinese characters (the blocks of CJK unified ideographs)."""

LabelWords = Mapping[str, tuple[str, ...]]
"""The words for each label."""


def load_words(named: str | None) -> LabelWords:
    """Read the words of each label: "coco", the path of a YAML file, or None for none.

    Raises:
        UserError: no such file, or not a list of words for each label.
    """
    if named is None:
        return {}
    from omegaconf import OmegaConf

    path = COCO_WORDS_FILE if named == COCO else Path(named).expanduser()
    content = OmegaConf.to_container(read_yaml(path))
    try:
        check_types(content, dict[str, list[str]])
    except ValueError as error:
        raise UserError(f"text.words: {path}: {error}: write lines such as `dog: [puppy, 狗]`") from error
    assert isinstance(content, dict)
    return {str(label): tuple(words) for label, words in content.items()}


def check_words(labels: Iterable[str | None], words: LabelWords, language: str) -> None:
    """Check that each label has a word in the language of the descriptions.

    Raises:
        UserError: Chinese descriptions could never name some labels.
    """
    known = sorted({label for label in labels if label is not None})
    if language == "zh":
        silent = [
            label for label in known if not any(CJK.search(word) for word in (label, *words.get(label, ())))
        ]
        if silent:
            raise UserError(
                f"text.words: no Chinese word for {', '.join(silent[:5])}"
                f"{', ...' if len(silent) > 5 else ''}: set text.words=coco or a file with them, or "
                "text.name_label=false"
            )
    if stray := sorted(words.keys() - set(known)) if words and not words.keys() & set(known) else []:
        raise UserError(
            f"text.words: has '{stray[0]}' and no label of the data set{suggestion(stray[0], known)}: "
            "is it the file of another data set?"
        )


def names_label(text: str, label: str, words: LabelWords) -> bool:
    """Tell whether a text has the label, or one of its words: whole words, in the plural too."""
    return any(_pattern(word).search(text) for word in (label, *words.get(label, ())))


def without_label(text: str, label: str, words: LabelWords) -> str:
    """Return a text without the label and its words."""
    for word in (label, *words.get(label, ())):
        text = _pattern(word).sub(" ", text)
    return text


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in re.split(r"[\s_-]+", word.strip()) if part]
    if not parts:
        return re.compile(r"(?!)")
    joined = r"[\s_-]*".join(parts)
    if CJK.search(word):
        return re.compile(joined, re.IGNORECASE)
    # Endings: bus, buses; dog, dogs; dog's; man's; pony, ponies.
    stem = f"(?:{joined[:-1]}ies|{joined})" if joined.endswith("y") else joined
    return re.compile(rf"(?<!\w){stem}(?:s|es|'s|’s)?(?!\w)", re.IGNORECASE)
