"""What was found, as tables: grades by category, and what was written."""

from collections import Counter
from collections.abc import Sequence

from grounding.tables import format_table
from infer.mine.absent_labels import INVENTED_LABEL, NEGATIVE_KEY, NEIGHBOUR
from infer.mine.graded_rows import GradedRecord
from infer.mine.grades import Grade
from infer.mine.hard_records import WEIGHT_KEY, Row
from infer.mine.hardness import COPIED, INVENTED, UNSTABLE, ObjectGrades, count_confusions
from infer.scoring.kinds.bands import OBJECT_KINDS

ALL = "all"
MOST_ROWS = 30
"""Categories of the table, the most hard ones first."""

MOST_CONFUSIONS = 5


def describe_grades(records: Sequence[GradedRecord]) -> str:
    """Return a table of categories and sizes: objects, their grades in all answers, unstable objects."""
    by_label: dict[str, list[ObjectGrades]] = {}
    for record in records:
        for item in record.grades.objects:
            by_label.setdefault(item.detection.label, []).append(item)
    hardest = sorted(by_label, key=lambda label: (-_mean_hardness(by_label[label]), label))
    rows = [_row(label, by_label[label]) for label in hardest[:MOST_ROWS]]
    objects = [item for items in by_label.values() for item in items]
    sizes = OBJECT_KINDS["object size"]
    for band in sizes.bands:
        boxes = [(item, item.detection.box) for item in objects]
        held = [item for item, box in boxes if band.holds(sizes.number_of(box, box.area))]
        rows += [_row(band.name, held)] if held else []
    rows.append(_row(ALL, objects))
    header = ["category", "objects", *(grade.value for grade in Grade), UNSTABLE]
    left_out = len(hardest) - MOST_ROWS
    more = f"\nand {left_out} easier categories" if left_out > 0 else ""
    return format_table(header, rows) + more


def describe_findings(records: Sequence[GradedRecord]) -> str:
    """Return lines about boxes without an object, and the categories that are most often confused."""
    counts = Counter[str]()
    for record in records:
        counts += record.grades.count()
    answers = sum(len(record.grades.answers) for record in records)
    lines = [
        f"{answers} answers to {len(records)} questions: {counts[INVENTED]} boxes invented, "
        f"{counts[COPIED]} copied; mean reward {sum(sum(item.rewards) for item in records) / answers:.3f}"
    ]
    pairs = [
        (count, label, other)
        for label, others in count_confusions([record.grades for record in records]).items()
        for other, count in others.items()
    ]
    if pairs:
        top = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:MOST_CONFUSIONS]
        lines.append("confused: " + ", ".join(f"{label} as {other} {count}" for count, label, other in top))
    return "\n".join(lines)


def describe_rows(rows: Sequence[Row]) -> str:
    """Return a line about the records that were written."""
    negatives = Counter(
        row[NEGATIVE_KEY] for row in rows if row.get(NEGATIVE_KEY) in (INVENTED_LABEL, NEIGHBOUR)
    )
    hard = Counter(row[WEIGHT_KEY] for row in rows)
    weights = ", ".join(f"{count} x {weight}" for weight, count in sorted(hard.items()))
    return (
        f"{len(rows)} records ({weights}), {negatives.total()} of them ask for something absent "
        f"({negatives[INVENTED_LABEL]} invented, {negatives[NEIGHBOUR]} neighbours)"
    )


def _row(name: str, items: Sequence[ObjectGrades]) -> list[str]:
    grades = Counter[Grade]()
    for item in items:
        grades += item.grades
    total = max(1, grades.total())
    unstable = sum(item.is_unstable for item in items)
    shares = [f"{grades[grade] / total:.1%}" for grade in Grade]
    return [name, str(len(items)), *shares, f"{unstable / max(1, len(items)):.1%}"]


def _mean_hardness(items: Sequence[ObjectGrades]) -> float:
    return sum(item.hardness for item in items) / len(items)
