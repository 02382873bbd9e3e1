from train.launch.trainer_log import meaningful_errors


def test_meaningful_errors_are_the_last_messages() -> None:
    tail = [
        "Traceback (most recent call last):",
        "  File x",
        "ValueError: a",
        "ValueError: a",
        "KeyError: 'b'",
        "end",
    ]
    assert meaningful_errors(tail) == ["ValueError: a", "KeyError: 'b'"]
    assert meaningful_errors(["one", "", "two"]) == ["one", "two"]
