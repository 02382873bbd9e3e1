from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare.sources.record_parts.canonical_row import as_messages

TALK = [{"role": "user", "content": "<image>Where?"}, {"role": "assistant", "content": "[1, 2, 3, 4]"}]
CONVERSATION = [{"from": "human", "value": "<image>Where?"}, {"from": "gpt", "value": "[1, 2, 3, 4]"}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": TALK, "images": ["a.png"]},
        {"messages": TALK, "images": "a.png"},
        {"messages": TALK, "image": "a.png"},
        {"id": 3, "image": "a.png", "conversations": CONVERSATION},
        {"images": ["a.png"], "conversations": CONVERSATION},
        {"images": ["a.png"], "conversations": TALK},
        {"images": ["a.png"], "query": "<image>Where?", "response": "[1, 2, 3, 4]"},
        {"images": ["a.png"], "instruction": "<image>Where?", "input": "", "output": "[1, 2, 3, 4]"},
    ],
)
def test_rows_of_every_trainer_become_messages(row: dict[str, Any]) -> None:
    made = as_messages(row)
    assert made["messages"] == TALK
    assert made["images"] == ["a.png"]


def test_what_stands_beside_a_conversation_is_kept() -> None:
    row = {"image": "a.png", "conversations": CONVERSATION, "system": "Be brief.", "width": 4, "height": 2}
    made = as_messages(row | {"objects": {"ref": []}})
    assert made["messages"] == [{"role": "system", "content": "Be brief."}, *TALK]
    assert (made["width"], made["height"], made["objects"]) == (4, 2, {"ref": []})


def test_earlier_turns_come_first() -> None:
    row = {"query": "And it?", "response": "No.", "history": [["<image>Who?", "A cat."]], "images": ["a.png"]}
    assert [message["content"] for message in as_messages(row)["messages"]] == [
        "<image>Who?",
        "A cat.",
        "And it?",
        "No.",
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from", "value"]), inner),
    max_leaves=5,
)
keys = st.sampled_from(
    ["messages", "conversations", "image", "images", "query", "response", "history", "system", "output"]
)


@given(st.dictionaries(keys, values))
def test_rows_of_any_types_are_returned(row: dict[str, Any]) -> None:
    assert isinstance(as_messages(row), dict)
