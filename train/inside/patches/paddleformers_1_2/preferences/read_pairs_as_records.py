"""Read pairs as records are read in supervised fine-tuning, and mask them alike in both forms of the mask.

Upstream: BaseDPODataSet (paddleformers/datasets/DPODataset.py, line 266) fills no placeholders: answers are
    learned as "<ref-object><bbox>". Its mask in the form of row indices (line 443) shows the last token of
    the prompt to the rejected answer, which has a copy of that token (line 450 hides it in the other form):
    with flashmask the log-probabilities of rejected answers are those of another prompt. From a conversation
    that is too long it cuts the first turns (line 340), and keeps the pixels of their pictures.
Patch: fill the placeholders of prompt, chosen and rejected answer, in this order, hide that token, and drop
    a pair that is too long for its pictures.
Remove: when PaddleFormers does all three.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from grounding.layout import CHOSEN_KEY, REJECTED_KEY


def read_pairs_as_records() -> str:
    """Mend how a pair becomes a sequence."""
    from paddleformers.datasets.DPODataset import BaseDPODataSet

    make_sequence = BaseDPODataSet._postprocess_sequence

    def postprocess_sequence(self: Any, example: Mapping[str, Any]) -> Any:
        filled = deepcopy(dict(example))  # another epoch reads it again
        turns = [*filled["messages"], *filled[CHOSEN_KEY], *filled[REJECTED_KEY]]
        self.template.grounding_plugin.process_messages(turns, filled.get("objects") or {})
        sequence = make_sequence(self, filled)
        if sequence is None or _lost_a_picture(self, sequence):
            return None
        if sequence.attn_mask_startend_row_indices is not None:
            first, middle, _ = sequence.response_index
            sequence.attn_mask_startend_row_indices[first] = middle
        return sequence

    BaseDPODataSet._postprocess_sequence = postprocess_sequence
    return "read_pairs_as_records"


def _lost_a_picture(dataset: Any, sequence: Any) -> bool:
    """Tell whether a pair has fewer pictures in its tokens than it was given."""
    begin = dataset.tokenizer.convert_tokens_to_ids(dataset.template.mm_plugin.vision_bos_token)
    return bool(sequence.token_ids.count(begin) < len(sequence.images))
