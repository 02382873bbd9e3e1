from infer.suite.suite_means import DIFFERENCE, MEAN, SET, SuiteRow
from infer.suite.suite_table import SuiteTable

ROWS = (
    SuiteRow(SET, "a", "once", {"AP50": 0.25, "images": 4}, {"AP50": (0.1, 0.5)}, asked=4, folder="out/a"),
    SuiteRow(SET, "b", "once", {"AP50": None, "images": 5}, asked=5, folder="out/b"),
    SuiteRow(MEAN, "mean of 2 sets", "once", {"AP50": None, "images": 4.5}, sets=2),
    SuiteRow(DIFFERENCE, "b - a", "once", {"AP50": -0.125, "images": 1.0}, {"AP50": (-0.3, 0.1)}, sets=2),
)


def table(draws: int = 1000) -> SuiteTable:
    return SuiteTable(
        "small", "model", ("AP50", "images"), draws, ROWS, {"c/once": "gone"}, {"a/once": ["x"]}
    )


def test_shares_are_percent_and_counts_are_numbers() -> None:
    lines = [line.split("  ") for line in table().as_text().splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[0] == ["set", "asked", "AP50", "95 %", "images", "95 %"]
    assert cells[2] == ["a", "once", "25.0%", "10.0 to 50.0", "4"]
    assert cells[3] == ["b", "once", "-", "5"]
    assert cells[4] == []
    assert cells[5] == ["mean of 2 sets", "once", "-", "4.5"]
    assert cells[6] == ["b - a", "once", "-12.5", "-30.0 to +10.0", "+1"]
    assert cells[7:] == [["note: a/once: x"], ["problem: c/once: gone"]]


def test_without_draws_there_are_no_columns_of_intervals() -> None:
    assert table(0).as_text().splitlines()[0].split() == ["set", "asked", "AP50", "images"]
    assert "bootstrap" not in table(0).as_markdown()


def test_the_json_holds_every_row_with_what_was_asked() -> None:
    saved = table().as_json()
    assert saved["rows"][0] == {
        "kind": "set",
        "name": "a",
        "asked": "once",
        "sets": 1,
        "images_or_questions": 4,
        "values": {"AP50": 0.25, "images": 4},
        "intervals": {"AP50": [0.1, 0.5]},
        "folder": "out/a",
    }
    assert saved["problems"] == {"c/once": "gone"}
    assert saved["notes"] == {"a/once": ["x"]}
