"""The questions: about a region, and where the thing that a description names is."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.prompts import SYSTEM_PROMPT, find_wordings
from prepare.describe.asking.region_views import view_tokens
from prepare.describe.describe_settings import CROP, DescribeSettings
from prepare.describe.described_regions import TeacherImage, TeacherRegion

WORDINGS_FILE = Path(__file__).with_name("teacher_wordings.yaml")

OVERHEAD_TOKENS = 64
"""Tokens that a chat template adds to a question, at most."""

TEACHER, CYCLE = "teacher", "cycle"
"""Who is asked."""


@dataclass(frozen=True)
class TeacherQuestion:
    """A question to one of the servers.

    `fields` say how to answer; `seen` says which picture is shown, without making it. `most_tokens` bounds
    question and answer: a token of a byte-level tokenizer is at least a byte of text.
    """

    who: str
    text: str
    fields: Mapping[str, Any]
    seen: tuple[Any, ...]
    most_tokens: int
    picture: Callable[[], str] = field(compare=False, repr=False)
    about: str = ""

    @property
    def key(self) -> str:
        """A hash of all that decides the answer: a question with the same key is not asked twice."""
        parts = [self.who, SYSTEM_PROMPT, self.text, sorted(self.fields.items()), self.seen]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages, with the picture in them."""
        image = {"type": "image_url", "image_url": {"url": self.picture()}}
        content = [image, {"type": "text", "text": self.text}]
        return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": content}]


def description_text(settings: DescribeSettings, label: str | None) -> str:
    """Return the text of the question about a region."""
    longest = str(settings.lengths[1])
    if settings.question is not None:
        return settings.question.replace("{longest}", longest).replace("{label}", label or "").strip()
    parts = _teacher_wordings()[settings.show][settings.language]
    chosen = [parts["ask"], *([parts["about"]] if label else []), parts["rules"]]
    joined = (" " if settings.language == "en" else "").join(part.strip() for part in chosen)
    if settings.language == "zh":
        joined = "".join(joined.split())
    # The label last: it may hold what looks like a field.
    return joined.replace("{longest}", longest).replace("{label}", label or "")


def ask_description(
    image: TeacherImage,
    region: TeacherRegion,
    digest: str,
    settings: DescribeSettings,
    sample: int,
    picture: Callable[[], str],
) -> TeacherQuestion:
    """Return the question for one of the descriptions of a region; `digest` is of the image's file."""
    text = description_text(settings, region.label)
    fields: dict[str, Any] = {
        "model": settings.model,
        "max_tokens": settings.max_new_tokens,
        "temperature": settings.temperature,
    }
    if settings.temperature > 0:
        fields |= {"top_p": settings.top_p, "seed": settings.seed + sample}
    margin = settings.margin if settings.show == CROP else None
    seen = (digest, region.box.xyxy, settings.show, margin, settings.max_pixels, sample)
    most = most_tokens(text, image.size, settings.max_pixels, settings.max_new_tokens)
    return TeacherQuestion(
        TEACHER, text, _sent(fields, settings.request), seen, most, picture, f"a region of {image.name}"
    )


def ask_cycle(
    image: TeacherImage,
    description: str,
    digest: str,
    settings: DescribeSettings,
    picture: Callable[[], str],
) -> TeacherQuestion:
    """Return the question where the thing that a description names is."""
    cycle = settings.cycle
    text = cycle_wording(settings).replace("{expression}", description)
    fields = {
        "model": cycle.model or settings.model,
        "max_tokens": cycle.max_new_tokens,
        "temperature": 0.0,
    }
    seen = (digest, settings.max_pixels, cycle.base_url is not None)
    most = most_tokens(text, image.size, settings.max_pixels, cycle.max_new_tokens)
    more = settings.request if cycle.base_url is None else {}
    return TeacherQuestion(
        CYCLE, text, _sent(fields, more), seen, most, picture, f"a description of {image.name}"
    )


def _sent(fields: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the user's own, without those that the user has set to null."""
    return {key: value for key, value in {**fields, **request}.items() if value is not None}


def cycle_wording(settings: DescribeSettings) -> str:
    """Return the template that asks for an expression.

    Raises:
        UserError: `cycle.prompt` names no wording, or one that asks for something else.
    """
    wording = find_wordings(settings.cycle.prompt, settings.language, key="cycle.prompt")[0]
    if "{expression}" not in wording.template:
        raise UserError(
            f"cycle.prompt: {wording.name} does not ask for an expression: set expression or qwen_expression"
        )
    return wording.template


def most_tokens(text: str, size: Size, max_pixels: int, answer: int) -> int:
    """Return how many tokens a question and its answer have at most, the picture's as in `view_tokens`."""
    letters = len(text.encode("utf-8", "replace")) + len(SYSTEM_PROMPT)
    return view_tokens(size, max_pixels) + letters + OVERHEAD_TOKENS + answer


@cache
def _teacher_wordings() -> dict[str, dict[str, dict[str, str]]]:
    import yaml

    content: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(WORDINGS_FILE.read_text(encoding="utf-8"))
    return content
