"""The mark of records whose answers are a model's own words, to keep what it knew: they name no objects.

{"messages": [...], "images": [] or ["images/1f0c.jpg"], "replay": true}

Such a record may have no image. Answers of the model that name objects are records without this mark.
"""

from collections.abc import Mapping
from typing import Any

REPLAY_KEY = "replay"


def is_replayed(row: Any) -> bool:
    """Tell whether a row of the JSONL is marked as a model's own answer in words.

    Another value under the key is no mark: the row may be another tool's.
    """
    return isinstance(row, Mapping) and row.get(REPLAY_KEY) is True
