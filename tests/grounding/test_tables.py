from grounding.tables import format_table, markdown_table


def test_numbers_are_aligned_to_the_right() -> None:
    assert format_table(["name", "AP"], [["a", "0.5"], ["longer", "10.25"]]) == (
        "name       AP\n------  -----\na         0.5\nlonger  10.25"
    )


def test_a_chinese_character_takes_two_columns() -> None:
    assert format_table(["name", "AP"], [["红色杯子", "1"], ["cup", "22"]]) == (
        "name      AP\n--------  --\n红色杯子   1\ncup       22"
    )


def test_texts_are_aligned_to_the_left() -> None:
    table = format_table(["run", "state"], [["a", "finished"], ["long name", "killed"]], numbers=False)
    assert table.splitlines()[2:] == ["a          finished", "long name  killed"]


def test_brackets_are_no_markup() -> None:
    assert "[red]x[/red]" in format_table(["name", "AP"], [["[red]x[/red]", "1"]])


def test_control_characters_are_escaped_and_counted() -> None:
    assert format_table(["name", "AP"], [["a\x1b[2J\n", "1"]]) == (
        "name        AP\n----------  --\na\\x1b[2J\\n   1"
    )


def test_a_bar_in_a_markdown_cell_is_escaped() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1\n2"]]).splitlines()[2] == "| x\\|y | 1 2 |"
