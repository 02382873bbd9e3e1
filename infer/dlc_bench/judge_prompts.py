"""What the judge is asked, word for word as published, and which choice its answer names.

Source: evaluation/eval_model_outputs.py of Describe Anything (NVIDIA, Apache License 2.0). It takes articles
and plurals of names from the library inflect; here they follow the simple rules below.
"""

import re
from collections.abc import Sequence

from infer.dlc_bench.bench_files import RECOGNITION, BenchRegion, JudgedQuestion

LETTERS = "ABCDE"

_PROMPT = """Answer the multiple-choice question based on the text description of an object in an image. You need to follow these rules:
1. Do not output any reasoning. Do not perform correction. Please output exactly one answer from the choices for each question. Do not repeat the question.
2. There is no need for exact matching. Please choose the closest option based on the description.

The description is:
{description}

From the description above, please answer the following question with one of the choices:
{question}
"""  # noqa: E501

_ONE = (
    "Is it likely that the object in the description is {name} or an object of a similar type? Again, It "
    "does not have to be an exact match."
)
_SEVERAL = (
    "Is it likely that the objects in the description are {name} or objects of a similar type? Again, It "
    "does not have to be an exact match."
)

_SINGULAR_ENDINGS = ("ss", "us", "is")
_SILENT_H = ("hour", "honest", "heir", "honour", "honor")
_CONSONANT_SOUND = re.compile(r"(?:uni(?![nm])|us[eu]|ut[ei]|eu|ew|one\b|once)")


def recognition_question(name: str) -> JudgedQuestion:
    """Return the question whether the description is about the right kind of object."""
    text = _SEVERAL.format(name=name) if is_plural(name) else _ONE.format(name=with_article(name))
    return JudgedQuestion(text, ("Yes", "No"), (1.0, 0.0), RECOGNITION)


def judge_questions(region: BenchRegion) -> tuple[JudgedQuestion, ...]:
    """Return all questions to the judge about a region's description; the first is about its name."""
    return recognition_question(region.name), *region.questions


def judge_prompt(description: str, question: JudgedQuestion) -> str:
    """Return the prompt for one question about one description."""
    choices = "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(LETTERS, question.choices, strict=False)
    )
    return _PROMPT.format(description=description, question=f"{question.text}\n{choices}".strip())


def is_plural(name: str) -> bool:
    """Tell whether a name is a plural, by the end of its last word."""
    words = re.findall(r"[a-z]+", name.lower())
    return bool(words) and words[-1].endswith("s") and not words[-1].endswith(_SINGULAR_ENDINGS)


def with_article(name: str) -> str:
    """Return a name with "a" or "an", by its first letters."""
    first = name.lower().lstrip()
    has_vowel_sound = first.startswith(_SILENT_H) or (
        first[:1] in tuple("aeiou") and _CONSONANT_SOUND.match(first) is None
    )
    return f"{'an' if has_vowel_sound else 'a'} {name}"


def chosen_place(answer: str, choices: Sequence[str]) -> int | None:
    """Return the place of the choice that an answer of the judge names, None if it names none.

    The rules are the published ones, in their order: the whole choice or its letter; the only choice that
    occurs in the answer; a letter with a point in front; the choice that occurs last, the longest of several
    at one place; the longest choice that the answer is a part of; a letter alone on the first line.
    """
    said, known = answer.strip().lower(), [choice.strip().lower() for choice in choices]
    letters = LETTERS.lower()[: len(known)]
    if not said:
        return None
    occurring: list[tuple[int, int, int]] = []
    for place, choice in enumerate(known):
        if said in (choice, letters[place], f"{letters[place]}. {choice}"):
            return place
        if choice in said:
            occurring.append((said.index(choice), len(choice), -place))
    if len(occurring) == 1:
        return -occurring[0][2]
    if said[0] in letters and said[1:2] == ".":
        return letters.index(said[0])
    if occurring:
        return -max(occurring)[2]
    if around := [(len(choice), -place) for place, choice in enumerate(known) if said in choice]:
        return -max(around)[1]
    return letters.index(said[0]) if said[0] in letters and said[1:2] in ("", "\n") else None
