"""The mark of records that ask yes/no questions about a box: they name no objects, and no AP counts them.

{"messages": [...], "images": [...], "yes_no": "truth" | "shifted" | "relabelled"}
"""

from collections.abc import Mapping
from typing import Any

YES_NO_KEY = "yes_no"

TRUTH, SHIFTED, RELABELLED = "truth", "shifted", "relabelled"
BOX_KINDS = (TRUTH, SHIFTED, RELABELLED)
"""Where the box comes from: an object's own box and label (yes); beside every object of the label (no); an
object's box with the label of another (no)."""


def asks_yes_or_no(row: Any) -> bool:
    """Tell whether a row of the JSONL is marked as a yes/no question about a box.

    Another value under the key is no mark: the row may be another tool's.
    """
    return isinstance(row, Mapping) and any(row.get(YES_NO_KEY) == kind for kind in BOX_KINDS)
