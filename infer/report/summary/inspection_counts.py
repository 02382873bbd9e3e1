"""What the inspections of all pictures come to: pass rate, Pareto of defects, and the uncertain ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infer.report.inspection_types import PASS, DefectRow, Inspection
from infer.report.pictures.answered_picture import NOT_INSPECTED
from infer.report.proportion import Proportion

UNCERTAIN_FROM = 0.5
"""Inspections of this doubt or more are for a person first."""

NO_LABEL = "(no label)"


@dataclass(frozen=True)
class ParetoBar:
    """The defects of one label: how many, on how many pictures, by severity, and the share up to here."""

    label: str
    defects: int
    pictures: int
    by_severity: dict[str, int]
    cumulative: float


@dataclass(frozen=True)
class InspectionCounts:
    """The summary. Only defects that count are counted: those whose confidence reaches the threshold.

    `uncertain` are the inspections that a person should look at first: what could not be read, then the most
    doubtful.
    `suggestions` has how often each text was suggested, the most frequent first.
    """

    passed: Proportion
    unreadable: int
    pareto: tuple[ParetoBar, ...]
    severities: dict[str, int]
    suggestions: dict[str, int]
    uncertain: tuple[Inspection, ...]
    first: str
    last: str

    @property
    def failed(self) -> int:
        """The number of pictures that fail."""
        return self.passed.total - self.passed.count

    @property
    def defects(self) -> int:
        """The number of defects that count."""
        return sum(bar.defects for bar in self.pareto)

    def as_json(self) -> dict[str, Any]:
        """Return the contents of summary.json."""
        return {
            "pictures": self.passed.total,
            "passed": self.passed.as_json(),
            "failed": self.failed,
            "unreadable": self.unreadable,
            "defects": self.defects,
            "severities": self.severities,
            "pareto": [
                {
                    "label": bar.label,
                    "defects": bar.defects,
                    "pictures": bar.pictures,
                    "cumulative": bar.cumulative,
                    "by_severity": bar.by_severity,
                }
                for bar in self.pareto
            ],
            "suggestions": self.suggestions,
            "uncertain": [
                {"file": item["picture"]["file"], "doubt": item["doubt"], "reason": item["doubt_reason"]}
                for item in self.uncertain
            ],
            "first": self.first,
            "last": self.last,
        }


def count_inspections(inspections: Sequence[Inspection], severities: Sequence[str]) -> InspectionCounts:
    """Count inspections; `severities` are those of the rules, the lightest first."""
    counting = [
        (place, row) for place, item in enumerate(inspections) for row in item["defects"] if row["counts"]
    ]
    times = sorted(item["time"] for item in inspections)
    suggested = Counter(text for _, row in counting for text in row["suggestions"])
    found = Counter(row["severity"] for _, row in counting)
    uncertain = [item for item in inspections if item["doubt"] >= UNCERTAIN_FROM]
    return InspectionCounts(
        Proportion(sum(item["verdict"] == PASS for item in inspections), len(inspections)),
        sum(not _is_inspected(item) for item in inspections),
        _pareto(counting, severities),
        {name: found[name] for name in reversed(severities)},
        dict(sorted(suggested.items(), key=lambda pair: (-pair[1], pair[0]))),
        tuple(
            sorted(uncertain, key=lambda item: (_is_inspected(item), -item["doubt"], item["picture"]["file"]))
        ),
        times[0] if times else "",
        times[-1] if times else "",
    )


def _is_inspected(item: Inspection) -> bool:
    return NOT_INSPECTED.isdisjoint(item["reasons"])


def _pareto(counting: Sequence[tuple[int, DefectRow]], severities: Sequence[str]) -> tuple[ParetoBar, ...]:
    by_label: dict[str, list[tuple[int, DefectRow]]] = {}
    for place, row in counting:
        by_label.setdefault(row["label"] or NO_LABEL, []).append((place, row))
    bars, so_far = [], 0
    for label, members in sorted(by_label.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        so_far += len(members)
        found = Counter(row["severity"] for _, row in members)
        bars.append(
            ParetoBar(
                label,
                len(members),
                len({place for place, _ in members}),
                {name: found[name] for name in reversed(severities) if found[name]},
                round(so_far / len(counting), 6),
            )
        )
    return tuple(bars)
