from pathlib import Path
from typing import Any

import pytest

from grounding.card import Card, save_card
from grounding.categories import Category
from grounding.record.contract import Contract, contract_of, read_contract


def card(**changes: Any) -> Card:
    content: dict[str, Any] = {
        "system_prompt": "Be brief.",
        "prompts": {"task.en1": "Task: Object Detection"},
        "answer_format": "json",
        "categories": (Category(1, "cat"),),
        "source_fingerprint": "0",
        "recipe": {"source": {"kind": "yolo"}},
        "counts": {},
    }
    return Card(**(content | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Contract(frozenset({"cat"}), "Be brief.", "json")),
        ({"categories": ()}, Contract(None, "Be brief.", "json")),
        ({"prompts": {"expression.en1": "Find this: {expression}"}}, Contract(None, "Be brief.", "json")),
        (
            {"prompts": {"relation.en1": "Find {relation}", "category.en1": "Find {category}"}},
            Contract(None, "Be brief.", "json", categories=frozenset({"cat"})),
        ),
        (
            {"prompts": {"relation.en1": "Find {relation}", "expression.en1": "Find {expression}"}},
            Contract(None, "Be brief.", "json"),
        ),
        ({"recipe": {}}, Contract(frozenset({"cat"}), "Be brief.", "json")),
        (
            {"recipe": {"source": {"kind": "records"}}},
            Contract(frozenset({"cat"}), None, None, is_verbatim=True),
        ),
    ],
)
def test_what_a_card_promises(changes: dict[str, Any], expected: Contract) -> None:
    assert contract_of(card(**changes)) == expected


def test_a_folder_without_a_card_promises_nothing(tmp_path: Path) -> None:
    assert read_contract(tmp_path) == Contract()
    save_card(card(), tmp_path)
    assert read_contract(tmp_path) == contract_of(card())
