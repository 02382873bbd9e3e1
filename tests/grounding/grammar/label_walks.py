"""Walks through the states of a rule for labels."""

from typing import Any

from grounding.grammar.label_rule import LabelRule


def state_after(rule: LabelRule, spelled: bytes) -> Any:
    state = rule.start
    for byte in spelled:
        state = None if state is None else rule.step(state, byte)
    return state


def ends_after(rule: LabelRule, spelled: bytes) -> bool:
    state = state_after(rule, spelled)
    return state is not None and rule.is_whole(state)
