"""ShareGPT for LLaMA-Factory: SPLIT.json, dataset_info.json, and images/.

Source of the format: data/README.md of hiyouga/LLaMA-Factory. Answers are the text that this project trains,
Qwen's grounding tokens filled in, boxes on the 0..1000 grid. Set `dataset_dir` to the folder, and `dataset`
to the names in dataset_info.json.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from grounding.files import write_text
from prepare.export.annotation_text import compact_json
from prepare.export.export_types import ExportedData, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("ShareGPT, for LLaMA-Factory", "images", has_conversations=True)

SPEAKERS = {"user": "human", "assistant": "gpt"}


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write the conversations of each split, and how LLaMA-Factory finds them."""
    for split, rows in data.rows.items():
        write_text(
            folder / f"{split}.json",
            compact_json([_conversation(row) for row in watched(rows, f"writing {split}")]),
        )
    name = re.sub(r"[^A-Za-z0-9_]+", "_", data.title).strip("_") or "grounding"
    info = {
        f"{name}_{split}": {
            "file_name": f"{split}.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system", "images": "images"},
        }
        for split in data.rows
    }
    write_text(folder / "dataset_info.json", json.dumps(info, indent=2) + "\n")
    return Counter()


def _conversation(row: dict[str, Any]) -> dict[str, Any]:
    from grounding.record.conversation import parse_record

    record = parse_record(row)
    return {
        "conversations": [
            {"from": SPEAKERS[turn.role], "value": turn.text}
            for turn in record.turns
            if turn.role in SPEAKERS
        ],
        "system": "".join(turn.text for turn in record.turns if turn.role == "system"),
        "images": list(record.images),
    }
