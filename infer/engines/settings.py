"""The settings of an engine: which model answers, on what device, and how its tokens are chosen."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.answers.forms import ANSWER_FORMATS
from grounding.errors import UserError
from grounding.recipe.schema import setting
from infer.engines.checkpoint import Checkpoint, find_checkpoint
from infer.engines.yes_no_settings import YesNoSettings
from models.hub_downloads import named_folder

MEGABYTE = 1 << 20
MEGAPIXEL = 1_000_000

ENGINES = ("paddle", "openai")
DEVICES = ("auto", "cpu", "gpu")
DTYPES = ("auto", "float32", "bfloat16", "float16")
CALIBRATED, YES_NO, HEAD = "calibrated", "yes_no", "head"
SCORES = ("none", "mean_logprob", "min_prob", "answer", CALIBRATED, YES_NO, HEAD)
TOKEN_SCORES = (*SCORES[1:3], CALIBRATED, YES_NO)
"""Those that are made of the probabilities of tokens."""

BOXES = ("text", HEAD)
"""Where the coordinates of a box come from: as written, or corrected by a box head."""

GRAMMARS = ("none", *ANSWER_FORMATS)
GRAMMAR_LABELS = ("free", "categories")
GRAMMAR_KEYS = frozenset(
    {
        *("structured_outputs", "guided_grammar", "guided_json", "guided_regex", "guided_choice", "ebnf"),
        *("regex", "json_schema", "response_format", "structural_tag"),
    }
)
"""The fields of a request by which servers keep answers within a form."""

GRAMMAR_FIELDS = ("none", "vllm", "sglang", "fastdeploy", "response_format")


def check_candidates(candidates: int, pictures: int, *, has_descriptions: bool) -> None:
    """Check that a grammar has answers to questions with so many candidates and pictures.

    Raises:
        UserError: candidates, and descriptions or several pictures.
    """
    if candidates and has_descriptions:
        raise UserError(
            "grammar_descriptions: answers that name candidates by number have no descriptions: set "
            "grammar_descriptions=false, or candidates=none"
        )
    if candidates and pictures > 1:
        raise UserError(
            f"grammar: answers that name candidates by number are about one picture, and a question is about "
            f"{pictures}: set grammar=none"
        )


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """How a model is loaded, or reached over HTTP, and how it answers.

    The recipe of `python -m infer` has these keys, too. The server and the web app offer some of them.
    """

    checkpoint: str | None = setting(
        "model folder, LoRA run's folder, or model on a hub (openai: may be left out)", None
    )
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)
    engine: str = setting(" | ".join(ENGINES) + " (a server that speaks OpenAI's protocol)", ENGINES[0])
    batch_size: int = setting("images answered together", 8)
    max_new_tokens: int = setting("longest answer, in tokens", 2048)
    image_cache_megabytes: int = setting(
        "memory for images that were read, and wait for more questions; 0: each question reads its own", 512
    )
    temperature: float = setting("0: always the most likely token; above 0: tokens are sampled", 0.0)
    top_p: float = setting("sample from the most likely tokens that together have this probability", 1.0)
    seed: int = setting("seed for sampling tokens", 0)
    repeat_stop: bool = setting(
        "end an answer before an object that it has named already, and before a loop of text", True
    )
    device: str = setting(" | ".join(DEVICES), "auto")
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", "auto")
    tensor_parallel: int = setting("GPUs that hold one model together, each a part of every layer", 1)
    score: str = setting(
        " | ".join(SCORES)
        + ": of a box, from its tokens, what the answer states, by asking back, or from the box head",
        SCORES[0],
    )
    yes_no: YesNoSettings = field(default_factory=YesNoSettings)
    calibration: str | None = setting(
        "file of score=calibrated, which infer.calibrate writes (null: beside the checkpoint)", None
    )
    boxes: str = setting(
        " | ".join(BOXES) + ": boxes as written, or corrected by the head that train.box_head makes", BOXES[0]
    )
    box_head: str | None = setting("file of boxes=head and score=head (null: beside the checkpoint)", None)
    grammar: str = setting(
        " | ".join(GRAMMARS) + ": only valid answers of the data set's format can be written", GRAMMARS[0]
    )
    grammar_labels: str = setting(
        " | ".join(GRAMMAR_LABELS) + ": the labels that the grammar allows", GRAMMAR_LABELS[0]
    )
    grammar_descriptions: bool = setting(
        "the grammar allows a description of each object (data sets with descriptions=true)", False
    )
    grammar_field: str = setting(
        " | ".join(GRAMMAR_FIELDS) + ": openai: the server whose request field takes the grammar",
        GRAMMAR_FIELDS[0],
    )
    base_url: str | None = setting("openai: the server, such as http://localhost:8000/v1", None)
    model: str | None = setting("openai: the name that the server gives the model", None)
    concurrency: int = setting("openai: images asked about at a time", 16)
    timeout: float = setting("openai: seconds to wait for an answer", 600.0)
    retries: int = setting("openai: how often a failed request is sent again", 6)
    request: dict[str, Any] = setting("openai: more fields for every request", default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, a number out of its range, or a key that is missing or
                has no effect with this engine.
        """
        check_choices(self, {"engine": ENGINES, "device": DEVICES, "dtype": DTYPES, "score": SCORES})
        check_choices(self, {"boxes": BOXES})
        check_choices(
            self,
            {"grammar": GRAMMARS, "grammar_labels": GRAMMAR_LABELS, "grammar_field": GRAMMAR_FIELDS},
        )
        check_counts(self, ("batch_size", "max_new_tokens", "concurrency", "tensor_parallel"))
        if self.temperature < 0:
            raise ValueError(f"temperature: {self.temperature} is less than 0")
        if self.image_cache_megabytes < 0:
            raise ValueError(f"image_cache_megabytes: {self.image_cache_megabytes} is less than 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is not above 0 and up to 1")
        if self.timeout <= 0 or self.retries < 0:
            raise ValueError("timeout must be more than 0, and retries not less than 0")
        if self.score == "yes_no" and self.thinks:
            raise ValueError(
                "score: yes_no reads the first token of an answer, and request lets the model think first: "
                "leave one of them out"
            )
        self._check_grammar()
        self._check_box_head()
        if self.engine == "openai":
            self._check_server()
        elif self.checkpoint is None:
            raise ValueError("checkpoint must be set, in the recipe or as key=value")
        elif self.base_url or self.model or self.request:
            raise ValueError("base_url, model and request have an effect only with engine=openai")

    def _check_grammar(self) -> None:
        if self.grammar == "none":
            if self.grammar_labels != "free" or self.grammar_field != "none" or self.grammar_descriptions:
                raise ValueError(
                    "grammar_labels, grammar_descriptions and grammar_field have an effect only with grammar"
                )
            return
        if self.engine == "openai" and self.grammar_field == "none":
            raise ValueError(
                f"grammar: set grammar_field to the kind of server ({', '.join(GRAMMAR_FIELDS[1:])}): each "
                "takes a grammar in another field of the request"
            )
        if self.engine != "openai" and self.grammar_field != "none":
            raise ValueError("grammar_field has an effect only with engine=openai")
        if self.grammar_field == "response_format" and self.grammar != "json":
            raise ValueError("grammar_field: response_format takes JSON schemas: it needs grammar=json")
        if both := sorted(GRAMMAR_KEYS.intersection(self.request)):
            raise ValueError(f"request: {both[0]} would take the place of the grammar: set only one of them")
        if self.score == "answer":
            raise ValueError("score: answer needs grammar=none: the grammar has no place for a confidence")
        if self.thinks:
            raise ValueError("grammar: it has no place for a thought: turn thinking off, or set grammar=none")

    def _check_box_head(self) -> None:
        if self.box_head is not None and not self.uses_box_head:
            raise ValueError("box_head has an effect only with boxes=head or score=head")
        if self.uses_box_head and self.engine != "paddle":
            key = "boxes" if self.boxes == HEAD else "score"
            raise ValueError(
                f"{key}: head reads the model's hidden states, which engine={self.engine} does not have: set "
                "engine=paddle, or another value"
            )

    def _check_server(self) -> None:
        if not re.match(r"https?://.", self.base_url or ""):
            raise ValueError(f"base_url: '{self.base_url}' is not like http://localhost:8000/v1")
        if not self.model:
            raise ValueError("model must be set: the name that the server gives the model")

    def resolve_checkpoint(self) -> Checkpoint | None:
        """Find the folders of the model; None where none is named, as a server's model may be elsewhere.

        A model on a hub is fetched into the cache of the hub's library (models/hub_downloads.py).

        Raises:
            UserError: a missing or incomplete checkpoint folder, or a model that cannot be fetched.
        """
        if self.checkpoint is None:
            return None
        base = None if self.base_checkpoint is None else named_folder(self.base_checkpoint)
        return find_checkpoint(named_folder(self.checkpoint), base)

    def answer_labels(self) -> tuple[str, ...]:
        """Return the labels that the grammar allows; () for any."""
        return ()

    @property
    def with_tokens(self) -> bool:
        """Whether answers come with the log-probabilities of their tokens: scores are made of these."""
        return self.score in TOKEN_SCORES

    @property
    def uses_box_head(self) -> bool:
        """Whether a box head reads the answers."""
        return HEAD in (self.boxes, self.score)

    @property
    def thinks(self) -> bool:
        """Whether the fields of every request tell the server that the model shall think first."""
        template = self.request.get("chat_template_kwargs")
        fields = [self.request, template if isinstance(template, dict) else {}]
        return any(field.get(name) is True for field in fields for name in ("enable_thinking", "thinking"))

    @property
    def is_sampled(self) -> bool:
        """Whether tokens are sampled, so that asking again gives another answer."""
        return self.temperature > 0


def check_choices(settings: object, choices_of: Mapping[str, Sequence[str]]) -> None:
    """Check that each named setting has one of its choices.

    Raises:
        ValueError: it has another value.
    """
    for key, choices in choices_of.items():
        if (value := getattr(settings, key)) not in choices:
            raise ValueError(f"{key}: '{value}' is not one of {', '.join(choices)}")


def check_counts(settings: object, keys: Sequence[str]) -> None:
    """Check that each named setting is 1 or more, or None.

    Raises:
        ValueError: it is less than 1.
    """
    for key in keys:
        value = getattr(settings, key)
        if value is not None and value < 1:
            raise ValueError(f"{key}: {value} is less than 1")
