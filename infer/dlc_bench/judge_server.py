"""Ask the judge about the descriptions: each question by itself, as published."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.remote.chat_client import ChatClient, StatusRefusalError, key_of_server
from grounding.remote.completion_body import NotACompletionError, error_text, parse_completion
from infer.dlc_bench.bench_files import BenchRegion
from infer.dlc_bench.bench_settings import BenchSettings
from infer.dlc_bench.judge_prompts import judge_prompt, judge_questions
from infer.runs.question_batches import ask_in_threads
from infer.runs.resumed_answers import resumed_rows

JUDGED_FILE = "judged.jsonl"

KEY_VARIABLE = "JUDGE_API_KEY"
"""The judge's key: the server of the model that is judged does not get it."""

MOST_TOKENS = 300
FIELDS = {
    "temperature": 0.0,
    "max_tokens": MOST_TOKENS,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}
"""As published."""


def ask_judge(
    settings: BenchSettings, regions: Sequence[BenchRegion], descriptions: Sequence[str]
) -> list[list[str]]:
    """Return the judge's answers to the questions about each region, in their order.

    Raises:
        UserError: the judge cannot be reached, refuses a question, or does not answer with a completion.
    """
    asked = [
        (region.key, number, judge_prompt(words, question))
        for region, words in zip(regions, descriptions, strict=True)
        for number, question in enumerate(judge_questions(region))
    ]
    identity = {
        "keys": {"judge_model": settings.judge_model},
        "questions": hashlib.sha256(json.dumps(asked).encode()).hexdigest(),
    }

    def ask(places: Sequence[int]) -> Iterator[Mapping[int, dict[str, Any]]]:
        judge = Judge(settings)

        def answer(place: int) -> dict[str, Any]:
            key, number, prompt = asked[place]
            text = judge.answer(prompt, f"annotation {key}, question {number}")
            return {"id": key, "question": number, "answer": text}

        yield from ask_in_threads(answer, places, settings.judge_concurrency)

    path = Path(settings.output_dir) / JUDGED_FILE
    rows = resumed_rows(path, identity, len(asked), ask, "question", overwrite=settings.overwrite)
    answers = iter(str(row["answer"]) for row in rows)
    return [[next(answers) for _ in judge_questions(region)] for region in regions]


class Judge:
    """A language model on a server that speaks OpenAI's protocol; several threads may ask."""

    def __init__(self, settings: BenchSettings) -> None:
        """Create the client; nothing is sent yet.

        Raises:
            UserError: the key or the address cannot be sent in a request.
        """
        assert settings.judge_url is not None  # the settings check it
        self._model = settings.judge_model
        self._client = ChatClient(
            settings.judge_url,
            key_of_server(KEY_VARIABLE),
            timeout=settings.judge_timeout,
            retries=settings.judge_retries,
            max_tokens=MOST_TOKENS,
        )

    def answer(self, prompt: str, about: str) -> str:
        """Return the text of the answer; that of a refusal is its text, too.

        Raises:
            UserError: see `ask_judge`.
        """
        messages = [{"role": "user", "content": prompt}]
        try:
            body = self._client.post(messages, {"model": self._model, **FIELDS}, about)
            found = parse_completion(body)
        except StatusRefusalError as error:
            raise UserError(f"judge: {error}: {self._mend(error.status)}") from error
        except NotACompletionError as error:
            said = self._client.shown(error_text(body))
            raise UserError(
                f"judge: {self._client.server}: no chat completion, {error}: '{said}': judge_url mostly ends "
                "in /v1"
            ) from error
        self._client.check_secrets(found.text, about)
        return found.text

    def _mend(self, status: int) -> str:
        if status in (401, 403):
            return f"set the environment variable {KEY_VARIABLE}"
        if status == 404:
            return f"is model '{self._model}' (judge_model) in the server's list?"
        return "see the server's log; what was answered is kept, repeat the command"
