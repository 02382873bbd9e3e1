"""The findings of a check: grouped by kind, with file and line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import LONGEST_LINE, parse_json


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, its file and line (from 1; 0 is the whole file), and the piece."""

    kind: str
    file: Path
    line: int
    piece: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else str(self.file)
        return f"{where}: {self.piece}"


@dataclass
class Report:
    """The findings of a check by kind: all are counted, the first `limit` of each kind are kept."""

    limit: int
    warning_kinds: frozenset[str]
    records: int = 0
    images: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        self.counts[finding.kind] = self.counts.get(finding.kind, 0) + 1
        first = self.first.setdefault(finding.kind, [])
        if len(first) < self.limit:
            first.append(finding)

    @property
    def errors(self) -> int:
        """The number of findings that are more than warnings."""
        return sum(number for kind, number in self.counts.items() if kind not in self.warning_kinds)

    def __str__(self) -> str:
        lines = []
        for kind in sorted(self.counts, key=lambda kind: (kind in self.warning_kinds, kind)):
            level = "warning" if kind in self.warning_kinds else "error"
            lines.append(f"{level}: {kind} ({self.counts[kind]:,})")
            lines += [f"  {finding}" for finding in self.first[kind]]
            if (more := self.counts[kind] - len(self.first[kind])) > 0:
                lines.append(f"  and {more:,} more")
        warnings = sum(self.counts.values()) - self.errors
        lines.append(
            f"checked {self.records:,} records and {self.images:,} images: "
            f"{self.errors:,} errors, {warnings:,} warnings"
        )
        return "\n".join(lines)


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the number and the content of every line that is not blank; a line that is not JSON as its text.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=1):
                if len(line) > LONGEST_LINE:
                    raise UserError(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
                if line.strip():
                    try:
                        yield number, parse_json(line)
                    except ValueError:
                        yield number, line.decode("utf-8", "replace").strip()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
