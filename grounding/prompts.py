"""Every wording of every question, the system prompt included."""

from collections.abc import Iterable

from grounding.errors import UserError
from grounding.recipe import suggestion

SYSTEM_PROMPT = "You are a helpful assistant."

IMAGE_PLACEHOLDER = "<image>"
"""Where PaddleFormers puts the image into a user message."""

WORDINGS = {
    "task": "Task: Object Detection",
    # Qwen3-VL's own detection prompt, source: the 2D grounding cookbook of the Qwen3-VL repository.
    "qwen_detection": (
        "Locate every instance that belongs to the following categories: '{categories}'. "
        "Report bbox coordinates in JSON format."
    ),
}


def write_question(wording: str, category_names: Iterable[str]) -> str:
    """Return the question of a named wording about these categories.

    Raises:
        UserError: no such wording.
    """
    if wording not in WORDINGS:
        near = suggestion(wording, WORDINGS)
        raise UserError(f"prompt: no wording '{wording}'{near} There are: {', '.join(WORDINGS)}")
    return WORDINGS[wording].format(categories=", ".join(category_names))
