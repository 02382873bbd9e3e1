"""Conversations saved as training records, in a folder that `python -m prepare` reads (source.kind=records).

The folder holds a JSONL file for each conversation, and its pictures in images/. All names are hashes of the
content: a conversation that is saved twice is there once, and nothing of a visitor's becomes a path.
"""

import hashlib
import io
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from grounding.boxes import Size, grid_has_area, to_grid
from grounding.files import replacing
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.flaws import WARNINGS
from grounding.regions.region_mark import REGION_KEY, Region
from grounding.regions.shown_region import draw_shown_region
from grounding.yes_no.shown_box import SPOTLIGHT
from visualize.app.talk.talk_state import Talk
from visualize.app.texts import AppError

IMAGES = "images"


@dataclass(frozen=True)
class SavedTalks:
    """The folder of saved conversations, of at most `most`; several threads may save."""

    folder: Path
    most: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def save(self, talk: Talk, picture: Image.Image, system: str, label: str | None = None) -> Path:
        """Save a conversation with its pictures, and return its file.

        `picture` is the whole picture, RGB and upright; `label` is the object's category, if it is known.

        Raises:
            AppError: nothing to save, no training would take it, or the folder is full.
            UserError: the disk is full, or the folder cannot be written.
        """
        if talk.box is None or not talk.exchanges:
            raise AppError("nothing_to_save")
        box = to_grid(talk.box, Size(*picture.size))
        if not grid_has_area(box):
            raise AppError("not_saved", "the region is too small")
        shown = _png(draw_shown_region(picture, talk.box, SPOTLIGHT))
        whole = _png(picture)
        names = [f"{IMAGES}/{_digest(data)}.png" for data in (shown, whole)]
        messages = [{"role": "system", "content": system}] if system else []
        for exchange in talk.exchanges:
            messages.append({"role": "user", "content": exchange.question})
            messages.append({"role": "assistant", "content": exchange.answer})
        region = Region(box, SPOTLIGHT, label, (talk.description,), names[1])
        record: dict[str, Any] = {"messages": messages, "images": names[:1], REGION_KEY: region.as_json()}
        flaws = [
            flaw for flaw in check_record(record, Contract(is_verbatim=True)) if flaw.kind not in WARNINGS
        ]
        if flaws:
            raise AppError("not_saved", flaws[0].kind)
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        with self.lock:
            return self._write(line, dict(zip(names, (shown, whole), strict=True)))

    def _write(self, line: bytes, pictures: dict[str, bytes]) -> Path:
        path = self.folder / f"talk_{_digest(line)}.jsonl"
        if path.is_file():
            return path
        if sum(1 for _ in self.folder.glob("talk_*.jsonl")) >= self.most:
            raise AppError("many_saved", self.most)
        for name, data in pictures.items():
            if not (self.folder / name).is_file():
                with replacing(self.folder / name) as file:
                    file.write(data)
        with replacing(path) as file:  # last: a record never lacks its pictures
            file.write(line)
        return path


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
