"""Sets that must not get worse: boxes, words about regions, and general prompts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}


def general_row(question: str, answer: str, image: str | None = None) -> dict[str, Any]:
    """A record as `prepare.replay` writes it."""
    asked = {"role": "user", "content": f"<image>{question}" if image else question}
    given = {"role": "assistant", "content": answer}
    return {"messages": [SYSTEM, asked, given], "images": [image] if image else [], "replay": True}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def keep_sets(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The value of grounding_keep for three sets: `old` (boxes), `words` and `general`."""
    folder = tmp_path_factory.mktemp("keep")
    old, words, general = (folder / name for name in ("old", "words", "general"))
    for copy in (old, words):
        shutil.copytree(prepared_data, copy)
    rows = [json.loads(line) for line in (words / "val.jsonl").read_text().splitlines()]
    for row in rows:
        [label], [box] = row.pop("objects").values()
        row["messages"][1]["content"] = f"<image>What is at {', '.join(map(str, box))}?"
        row["messages"][2]["content"] = label
        row["region"] = {"box": box, "show": "text", "label": label, "phrases": [label]}
    write_rows(words / "val.jsonl", rows)
    shutil.copytree(prepared_data / "images", general / "images")
    answers = ("a red square", "blue", "no, there is no square here, and there never was one: look again")
    shown = [general_row("What is this?", answers[0], rows[0]["images"][0])]
    told = [general_row(f"Say something about {place}.", answers[place % 3]) for place in range(3)]
    write_rows(general / "val.jsonl", [*shown, *told])
    return [str(old), {"path": str(words), "samples": 5}, {"path": str(general / "val.jsonl"), "samples": 3}]
