"""Settings that make no sense are refused in one line."""

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from prepare.replay.__main__ import main
from prepare.replay.replay_settings import ReplaySettings


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["limit=0"], "limit: 0 is less than 1"),
        (["val_share=1"], "val_share 0 or more and below 1"),
        (["temperature=0.7"], "a checkpoint is asked for its most likely answers"),
        (["model=m"], "model and request are for base_url"),
        (["base_url=localhost:8000", "model=m"], "is not like http"),
        (["base_url=http://a/v1"], "model must be set"),
        (["base_url=http://a/v1", "model=m", "serve.dtype=float32"], "serve is for a CHECKPOINT"),
        (["base_url=http://a/v1", "model=m", "request.max_tokens=9"], "request: 'max_tokens' is set by"),
        (["serve.port=80"], "serve: 'port' is set by this command"),
        (["limits=3"], "unknown key 'limits', did you mean 'limit'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings(ReplaySettings, words)


@pytest.mark.parametrize(
    "words", [["prompts.txt"], ["a", "b", "c"], ["a", "b", "base_url=http://a/v1", "model=m"]]
)
def test_the_places_fit_who_is_asked(words: list[str]) -> None:
    with pytest.raises(UserError, match="name CHECKPOINT and PROMPTS, or PROMPTS alone with base_url"):
        main(words)
