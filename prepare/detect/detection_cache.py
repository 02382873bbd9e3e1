"""What a detector has found already, by the content of each picture: a file that grows line by line."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from grounding.boxes import Box
from grounding.candidates.detector_results import DetectedBox
from grounding.errors import UserError

Found = tuple[DetectedBox, ...]


@dataclass
class DetectionCache:
    """Keeps the boxes of pictures by detector and content; open it by `with`.

    An interrupted run leaves at most a part of the last line, which is taken away.
    """

    path: Path
    detector: str
    known: dict[str, Found] = field(default_factory=dict)
    _file: IO[str] | None = None

    def __enter__(self) -> "DetectionCache":
        """Read what there is, and open the file to append.

        Raises:
            UserError: the file cannot be read or written, or is no cache.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_text(encoding="utf-8") if self.path.is_file() else ""
            whole = content[: content.rfind("\n") + 1]
            for number, line in enumerate(whole.splitlines(), start=1):
                self._read(line, number)
            if whole != content:
                os.truncate(self.path, len(whole.encode("utf-8")))
            self._file = self.path.open("a", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path}: cannot be used to keep what was found ({error})") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def add(self, content: str, found: Sequence[DetectedBox]) -> None:
        """Keep what was found in a picture with this content."""
        assert self._file is not None  # `with` has opened it
        self.known[content] = tuple(found)
        rows = [[item.label, *item.box.xyxy, item.score] for item in found]
        line = {"detector": self.detector, "picture": content, "found": rows}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def _read(self, line: str, number: int) -> None:
        try:
            row: dict[str, Any] = json.loads(line)
            if row["detector"] != self.detector:
                return
            self.known[str(row["picture"])] = tuple(
                DetectedBox(Box(*map(float, corners)), label, score)
                for label, *corners, score in row["found"]
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.path}, line {number}: not what this command keeps there ({type(error).__name__}): "
                "move the file away, or set another output"
            ) from error
