"""The hidden states at the boxes of finished answers."""

from collections.abc import Sequence
from typing import Any

from infer.engines.kept import Kept
from infer.engines.paddle.boxes.box_places import WrittenPlaces
from infer.engines.paddle.reading.prompt_reader import PromptReader
from models.family import ForwardPass, Prompt


def read_box_states(
    forward: ForwardPass,
    prompts: Sequence[Prompt],
    answers: Sequence[Sequence[int]],
    boxes: Sequence[Sequence[WrittenPlaces]],
    pad_id: int,
    kept: Kept,
) -> list[Any]:
    """Return the states of each answer's boxes, (boxes, places, width) in float32, None without a box.

    `answers` are the token ids of each. All of them are fed in one pass after their prompts, which share what
    was read of their images (`kept`): the states are those of decoding, but for the last bits.
    """
    import paddle

    asked = [number for number, own in enumerate(boxes) if own]
    states: list[Any] = [None] * len(boxes)
    if not asked:
        return states
    read = PromptReader(forward, [prompts[number] for number in asked], pad_id, kept).read(range(len(asked)))
    fed = [answers[number] for number in asked]
    hidden = forward.extend_states(fed, [position + 1 for position in read.positions], read.cache)
    for row, number in enumerate(asked):
        pad = hidden.shape[1] - len(fed[row])
        places = [pad + place for box in boxes[number] for place in box.places]
        chosen = hidden[row].index_select(paddle.to_tensor(places)).astype("float32")
        states[number] = chosen.reshape([len(boxes[number]), -1, chosen.shape[-1]])
    return states
