"""The settings of `python -m prepare.describe`."""

import re
from dataclasses import dataclass, field
from typing import Any

from grounding.prompts import LANGUAGES
from grounding.recipe.checks import check_word
from grounding.recipe.schema import setting

SPLITS = ("train", "val")
SPOTLIGHT, CROP = "spotlight", "crop"
VIEWS = (SPOTLIGHT, CROP)
GUARDED = ("refuse", "skip")
UNITS = ("grid", "pixels")

LENGTHS = {"en": (3, 30), "zh": (4, 60)}
"""The usual shortest and longest description: words in English, characters in Chinese."""


FIXED_FIELDS = frozenset({"model", "messages", "n", "stream"})
OWN_FIELDS = frozenset({"max_tokens", "temperature", "top_p", "seed"})
"""Fields of a question that this command sets. Those of the second kind can be left out: not every server has
them."""


@dataclass(frozen=True)
class TextRules:
    """What a description has to be like."""

    shortest: int | None = setting(
        "words (zh: characters) of the shortest description (null: 3, zh: 4)", None
    )
    longest: int | None = setting(
        "words (zh: characters) of the longest description (null: 30, zh: 60)", None
    )
    name_label: bool = setting("a description has to name its object: the label, or one of its words", True)
    words: str | None = setting("the words of each label: coco, or a YAML file of `label: [word, ...]`", None)


@dataclass(frozen=True)
class CycleSettings:
    """How a description is grounded again."""

    enabled: bool = setting("ground each description again, and drop those that lead to another box", True)
    iou: float = setting("least overlap of the box that was found and the region's", 0.5)
    base_url: str | None = setting("the server that grounds descriptions (null: the teacher's)", None)
    model: str | None = setting("the name that it gives its model (null: the teacher's)", None)
    prompt: str = setting(
        "wording of grounding/wordings.yaml that asks for an expression (a family: its first)",
        "qwen_expression",
    )
    units: str = setting(" | ".join(UNITS) + ": of the boxes in its answers; grid is 0..1000", UNITS[0])
    max_new_tokens: int = setting("longest answer, in tokens", 512)


@dataclass(frozen=True, kw_only=True)
class DescribeSettings:
    """Which regions are described by which model, what is kept, and where it is written."""

    base_url: str = setting("the teacher's server, such as http://localhost:8000/v1")
    model: str = setting("the name that the server gives the teacher")
    output_dir: str = setting("folder of the descriptions that are written")
    split: str = setting(" | ".join(SPLITS) + ": whose regions are described", SPLITS[0])
    language: str = setting(" | ".join(LANGUAGES) + ": of questions and descriptions", LANGUAGES[0])
    show: str = setting(
        " | ".join(VIEWS) + ": the whole picture with everything else dimmed, or the region alone", SPOTLIGHT
    )
    margin: float = setting("crop: what is seen around the region, as a share of its sides", 0.25)
    max_pixels: int = setting("larger pictures are made smaller before they are sent", 1048576)
    question: str | None = setting(
        "the question, with {label} and {longest} in it (null: teacher_wordings.yaml)", None
    )
    min_side: int = setting("pixels: regions with a shorter side are skipped", 24)
    per_image: int | None = setting("describe the largest N regions of an image (null: all)", None)
    limit: int | None = setting(
        "stop after N regions, to look at the page; repeat without it to go on (null: all)", None
    )
    samples: int = setting("descriptions asked for per region", 4)
    keep: int = setting("descriptions kept per region, the best first", 1)
    temperature: float = setting("that tokens are sampled at", 0.7)
    top_p: float = setting("sample from the most likely tokens that together have this probability", 0.95)
    seed: int = setting("of the sampled tokens, and of the order of the images", 0)
    max_new_tokens: int = setting("longest description, in tokens", 128)
    request: dict[str, Any] = setting(
        "more fields for every question to the teacher's server; null: a usual field is not sent",
        default_factory=dict,
    )
    text: TextRules = field(default_factory=TextRules)
    cycle: CycleSettings = field(default_factory=CycleSettings)
    guard: list[str] = setting(
        "evaluation sets whose images no teacher may see: data sets or folders of images",
        default_factory=list,
    )
    guard_copies: bool = setting(
        "guard: know copies, too, that are smaller, larger or saved anew (false: the same pixels alone)", True
    )
    guarded: str = setting(" | ".join(GUARDED) + ": what happens if an image is in one of them", GUARDED[0])
    max_requests: int | None = setting(
        "HTTP requests in all, with retries and earlier starts (null: no limit)", None
    )
    max_tokens: int | None = setting(
        "tokens of questions and answers in all, with earlier starts (null: no limit)", None
    )
    concurrency: int = setting("regions asked about at a time", 16)
    timeout: float = setting("seconds to wait for an answer", 600.0)
    retries: int = setting("how often a failed request is sent again", 6)
    most_failures: int = setting("questions that may stay without an answer before the run stops", 20)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        words = {"split": SPLITS, "language": LANGUAGES, "show": VIEWS, "guarded": GUARDED}
        for key, choices in words.items():
            check_word(key, getattr(self, key), choices)
        check_word("cycle.units", self.cycle.units, UNITS)
        for key in ("min_side", "per_image", "limit", "samples", "keep", "max_new_tokens", "concurrency"):
            _check_least(key, getattr(self, key), 1)
        for key, least in (
            ("max_requests", 1),
            ("max_tokens", 1),
            ("max_pixels", 4096),
            ("most_failures", 1),
        ):
            _check_least(key, getattr(self, key), least)
        _check_least("retries", self.retries, 0)
        _check_least("cycle.max_new_tokens", self.cycle.max_new_tokens, 1)
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError("temperature is 0 or more, and top_p above 0 and up to 1")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                "temperature: 0 gives the same description each time: raise it, or set samples=1"
            )
        if self.timeout <= 0 or not 0 <= self.margin <= 4 or not 0 < self.cycle.iou <= 1:
            raise ValueError("timeout is above 0, margin 0 to 4, and cycle.iou above 0 and up to 1")
        self._check_servers()
        self._check_text()

    def _check_servers(self) -> None:
        for key, url in (("base_url", self.base_url), ("cycle.base_url", self.cycle.base_url)):
            if url is not None and not re.match(r"https?://.", url):
                raise ValueError(f"{key}: '{url}' is not like http://localhost:8000/v1")
        for key, value in (("model", self.model), ("output_dir", self.output_dir)):
            if not value.strip():
                raise ValueError(f"{key}: a name is needed")
        if self.cycle.base_url is not None and self.cycle.model is None:
            raise ValueError(
                "cycle.model must be set: the name that the server of cycle.base_url gives its model"
            )
        for key, value in self.request.items():
            if key in FIXED_FIELDS or (key in OWN_FIELDS and value is not None):
                more = (
                    ": leave it out"
                    if key in FIXED_FIELDS
                    else ": only null is allowed, so that it is not sent"
                )
                raise ValueError(f"request: '{key}' is set by this command{more}")

    def _check_text(self) -> None:
        shortest, longest = self.lengths
        if not 1 <= shortest <= longest:
            raise ValueError(f"text: shortest={shortest} and longest={longest}: 1 or more, in this order")
        if self.question is not None and not self.question.strip():
            raise ValueError("question: a text is needed, or null")

    @property
    def lengths(self) -> tuple[int, int]:
        """The shortest and the longest description: words in English, characters in Chinese."""
        shortest, longest = LENGTHS[self.language]
        return (
            shortest if self.text.shortest is None else self.text.shortest,
            longest if self.text.longest is None else self.text.longest,
        )


def _check_least(key: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ValueError(f"{key}: {value} is less than {least}")
