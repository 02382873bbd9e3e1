"""The short form of benchmarks/keep.py, without training: its arms, its table and its goals."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.keep import (
    ARMS,
    NEW,
    OLD,
    PLAIN,
    START,
    Arm,
    Measured,
    Seed,
    kept,
    missed_goals,
    reached,
    table,
)
from prepare.shapes.scenes import ShapeSettings

GENTLE = "gentle"


def measured(plain: tuple[float, float], gentle: tuple[float, float], seed: int = 0) -> list[Measured]:
    """Rows of a seed: AP50 of old and new shapes of two arms; the start has 0.8 and 0."""
    return [
        Measured(seed, START, 9.0, 0.8, 0.0, 0.0),
        Measured(seed, PLAIN.name, 5.0, *plain, 3.0 + seed),
        Measured(seed, GENTLE, 7.0, *gentle, 0.5),
    ]


def test_shares_are_those_of_each_seed() -> None:
    rows = measured((0.2, 0.9), (0.76, 0.9)) + [
        replace(row, seed=1, old=row.old / 2, new=row.new / 2) for row in measured((0.2, 0.9), (0.72, 0.45))
    ]
    assert kept(rows, GENTLE) == pytest.approx([0.95, 0.9])
    assert reached(rows, GENTLE) == pytest.approx([1.0, 0.5])
    assert reached(rows, PLAIN.name) == [1.0, 1.0]


def test_the_table_has_means_and_ranges() -> None:
    rows = measured((0.2, 0.9), (0.76, 0.9)) + measured((0.4, 0.9), (0.72, 0.45), seed=1)
    lines = {line.split("  ")[0]: line for line in table(rows).splitlines()}
    assert "37.5 (25.0..50.0)" in lines[PLAIN.name]
    assert "75.0 (50.0..100.0)" in lines[GENTLE]
    assert "7" in lines[GENTLE].split()
    assert lines[PLAIN.name].endswith("3.50 (3.00..4.00)")
    assert table(measured((0.2, 0.9), (0.76, 0.9))).splitlines()[-1].split()[-1] == "0.50"


@pytest.mark.parametrize(
    ("plain", "gentle", "missed"),
    [
        ((0.2, 0.9), (0.77, 0.89), 0),
        ((0.6, 0.9), (0.77, 0.89), 1),
        ((0.2, 0.9), (0.75, 0.89), 1),
        ((0.2, 0.9), (0.77, 0.87), 1),
        ((0.6, 0.9), (0.75, 0.89), 2),
    ],
)
def test_goals(plain: tuple[float, float], gentle: tuple[float, float], missed: int) -> None:
    assert len(missed_goals(measured(plain, gentle))) == missed


def test_one_arm_has_to_reach_both_goals() -> None:
    rows = measured((0.2, 0.9), (0.8, 0.1))
    rows.append(replace(rows[-1], arm="greedy", old=0.1, new=1.0))
    assert len(missed_goals(rows)) == 1


def test_goals_are_about_the_means_of_all_seeds() -> None:
    good = measured((0.2, 0.9), (0.8, 0.9))
    assert missed_goals(good + measured((0.2, 0.9), (0.74, 0.9), seed=1)) == []
    assert len(missed_goals(good + measured((0.2, 0.9), (0.70, 0.9), seed=1))) == 1


def test_other_settings_have_another_folder() -> None:
    seed = Seed(0, Path("work"), 300)
    arms = [
        *ARMS,
        replace(PLAIN, rate=1e-4),
        replace(PLAIN, replayed=0.5),
        replace(PLAIN, keys={"lora_rank": 4}),
    ]
    folders = {seed.model(arm) for arm in arms} | {replace(seed, steps=200).model(PLAIN)}
    assert len(folders) == len(arms) + 1
    assert seed.model(Arm(PLAIN.name)) == seed.model(PLAIN)


def test_new_shapes_share_no_class_with_the_old_ones() -> None:
    drawn = ShapeSettings()
    classes = str(NEW.keys["classes"]).strip("[]").split(",")
    assert "classes" not in OLD.keys
    assert not set(classes) & set(drawn.classes)
    assert not {word for name in classes for word in name.split()[:1]} & {
        word for name in drawn.classes for word in name.split()[:1]
    }
