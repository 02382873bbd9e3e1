import pytest

from grounding.record.filling import fill_placeholders

TEXTS = ["<image>Where is <ref-object>?", "<bbox>, <ref-object><bbox><bbox>"]
OBJECTS = {"ref": ["cat", "dog"], "bbox": [[0, 1, 2, 3], [4, 5, 6, 7]]}
FILLED = [
    "<image>Where is <|object_ref_start|>cat<|object_ref_end|>?",
    "<|box_start|>(0,1),(2,3)<|box_end|>, <|object_ref_start|>dog<|object_ref_end|>"
    "<|box_start|>(4,5),(6,7)<|box_end|><bbox>",
]


def test_placeholders_become_the_tokens_of_training() -> None:
    assert fill_placeholders(TEXTS, OBJECTS) == FILLED


@pytest.mark.parametrize("texts", [TEXTS, ["<image>Find <ref-object>.", "<ref-object><bbox><bbox>"]])
def test_equal_to_the_grounding_plugin_of_paddleformers(texts: list[str]) -> None:
    name = "paddleformers.datasets.template.grounding_plugin"
    plugin = pytest.importorskip(name).get_grounding_plugin("base")
    theirs = plugin.process_messages([{"content": text} for text in texts], OBJECTS)
    assert fill_placeholders(texts, OBJECTS) == [message["content"] for message in theirs]


def test_without_objects_nothing_is_filled() -> None:
    assert fill_placeholders(TEXTS, None) == fill_placeholders(TEXTS, {}) == TEXTS
