"""Answers of a stage, kept in a file as they come, so that an interrupted run goes on where it was."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json, read_jsonl, write_json
from infer.runs.part_file import locked, open_part, write_in_order

Asker = Callable[[Sequence[int]], Iterator[Mapping[int, dict[str, Any]]]]
"""Asks the questions at these places, and yields rows by place as they come."""


def resumed_rows(
    path: Path, identity: Mapping[str, Any], count: int, ask: Asker, unit: str, *, overwrite: bool
) -> list[dict[str, Any]]:
    """Return the rows of `count` questions in their order, asking for those that the file does not have.

    Rows go to `path`, and what they are of (`identity`) to a JSON file beside it. `identity["keys"]` are the
    settings: rows of others are refused. Rows of other questions or of another model are replaced.

    Raises:
        UserError: rows of other settings are there and `overwrite` is not set, or a file cannot be written.
    """
    from tqdm import tqdm

    known, part = path.with_suffix(".json"), path.with_name(f"{path.name}.part")
    is_current = are_current(known, identity, overwrite=overwrite)
    if not (is_current and path.is_file()):
        with locked(part):
            if not is_current:
                for stale in (path, part):
                    stale.unlink(missing_ok=True)
            write_json(known, identity)
            with open_part(part) as file:
                rows = file.recover(count)
                left = [place for place in range(count) if place not in rows]
                with tqdm(total=count, initial=len(rows), unit=unit, desc=path.stem) as bar:
                    for found in ask(left) if left else ():
                        new = {place: row_line(row) for place, row in found.items()}
                        file.append(new)
                        rows |= new
                        bar.update(len(new))
                write_in_order(path, rows)
            part.unlink()
    return [row for _, row in read_jsonl(path)]


def are_current(path: Path, identity: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Tell whether the answers beside `path`, which has their identity, are those of this identity.

    Raises:
        UserError: they are of other settings, and `overwrite` is not set.
    """
    if overwrite or not path.is_file():
        return False
    saved = read_json(path)
    before = saved.get("keys") if isinstance(saved, dict) else None
    if not isinstance(before, dict):
        raise UserError(f"{path}: not what this command writes: set another output_dir, or overwrite=true")
    changed = [
        f"{key}={value} (was {before.get(key)})"
        for key, value in identity["keys"].items()
        if before.get(key) != value
    ]
    if changed:
        raise UserError(
            f"{path}: answers of other settings are here: {', '.join(changed)}; set another output_dir, or "
            "overwrite=true"
        )
    return bool(saved == json.loads(json.dumps(identity)))


def row_line(row: dict[str, Any]) -> bytes:
    """Return a row as a line of a JSONL file."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
