"""The settings of both sides that are compared."""

from pathlib import Path

from infer.parity.parity_settings import ParitySettings


def test_no_side_ends_answers_that_the_other_goes_on_with() -> None:
    settings = ParitySettings(base_url="http://localhost:8000/v1")
    assert not settings.paddle_settings(Path("model")).repeat_stop
    assert not settings.server_settings(Path("model"), "none").repeat_stop
