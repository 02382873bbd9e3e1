"""The server as a process of its own, asked by OpenAI's client."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from grounding.markup import IMAGE_PLACEHOLDER
from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Exchange, RawAnswer, Request
from infer.engines.settings import EngineSettings
from tests.infer.conftest import ROOT, write_dataset

NEW_TOKENS = 12
KEY = "not-to-be-guessed"


def start(*words: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infer.serve", *words],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
        # A background job inherits Ctrl-C as ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.fixture(scope="module")
def address(tiny_checkpoint: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = (f"port={port}", "model=tiny", f"max_new_tokens={NEW_TOKENS}", "max_megabytes=1", "device=cpu")
    server = start(str(tiny_checkpoint), *words, SERVE_API_KEY=KEY)
    assert server.stderr is not None
    line = server.stderr.readline()
    assert line.strip().endswith(f"as model 'tiny': http://127.0.0.1:{port}/v1"), line
    assert "programs on this machine, with the key of SERVE_API_KEY" in server.stderr.readline()
    assert "limits: prompts of 4096 tokens, images of 100 megapixels" in server.stderr.readline()
    yield f"http://127.0.0.1:{port}/v1"
    server.send_signal(signal.SIGINT)
    assert server.wait(20) in (0, 130, -signal.SIGINT)
    assert "Traceback" not in server.stderr.read()


@pytest.fixture
def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=address, api_key=KEY, max_retries=0)


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    folder = tmp_path_factory.mktemp("serve") / "data"
    write_dataset(folder)
    return [question.request for question in read_questions(folder, "val")]


def messages(request: Request) -> list[dict[str, Any]]:
    data = base64.b64encode(request.picture.read_bytes()).decode()
    before, after = request.user.split(IMAGE_PLACEHOLDER)
    parts = [
        {"type": "text", "text": before},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "text", "text": after},
    ]
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, {"role": "user", "content": parts}]


def test_many_clients_get_the_answers_of_the_engine(
    client: openai.OpenAI, tiny_checkpoint: Path, requests: list[Request]
) -> None:
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS, repeat_stop=False
        )
    )
    expected = engine.answer(requests)

    def ask(request: Request) -> RawAnswer:
        (choice,) = client.chat.completions.create(model="tiny", messages=messages(request)).choices
        return RawAnswer(choice.message.content or "", is_cut=choice.finish_reason == "length")

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, requests * 3)) == expected * 3
    assert [model.id for model in client.models.list()] == ["tiny"]


def test_a_conversation_is_answered_as_the_engine_does(
    client: openai.OpenAI, tiny_checkpoint: Path, requests: list[Request]
) -> None:
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS, repeat_stop=False
        )
    )
    turns = messages(requests[0])
    (choice,) = client.chat.completions.create(model="tiny", messages=turns).choices
    turns += [choice.message.model_dump(exclude_unset=True), {"role": "user", "content": "green circle?"}]
    completion = client.chat.completions.create(model="tiny", messages=turns)
    answer = choice.message.content or ""
    asked = replace(requests[0], user="green circle?", history=(Exchange(requests[0].user, answer),))
    (expected,) = engine.answer([asked])
    assert completion.choices[0].message.content == expected.text
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == expected.prompt_tokens
    assert (
        expected.text
        != engine.answer([replace(requests[0], user=f"{requests[0].user}green circle?")])[0].text
    )


def test_several_pictures_are_answered_as_the_engine_does(
    client: openai.OpenAI, tiny_checkpoint: Path, requests: list[Request]
) -> None:
    """In one message and in two, whole and streamed; a damaged one is named by its number."""
    keys = {"checkpoint": str(tiny_checkpoint), "max_new_tokens": NEW_TOKENS, "score": "mean_logprob"}
    settings = EngineSettings(**keys, device="cpu", repeat_stop=False)
    first, second = (request.picture for request in requests[:2])
    one = Request((first, second), "", "<image><image>Task: Object Detection")
    later = Request((first, second), "", "And <image>?", history=(Exchange("<image>Where?", "Here."),))
    swapped = replace(one, images=(second, first))
    expected = PaddleEngine(settings).answer([one, later, swapped])
    chances = [sum(token.logprob for token in answer.tokens) for answer in expected]
    assert min(abs(one - other) for one, other in combinations(chances, 2)) > 0.01  # the order counts
    parts = [messages(request)[-1]["content"][1] for request in requests[:2]]
    words = [{"type": "text", "text": text} for text in ("Task: Object Detection", "Where?", "And ", "?")]
    chats: list[list[dict[str, Any]]] = [
        [{"role": "user", "content": [*parts, words[0]]}],
        [
            {"role": "user", "content": [parts[0], words[1]]},
            {"role": "assistant", "content": "Here."},
            {"role": "user", "content": [words[2], parts[1], words[3]]},
        ],
        [{"role": "user", "content": [*parts[::-1], words[0]]}],
    ]
    for chat, answer, chance in zip(chats, expected, chances, strict=True):
        whole = client.chat.completions.create(model="tiny", messages=chat, logprobs=True)
        assert whole.choices[0].message.content == answer.text
        given = sum(token.logprob for token in whole.choices[0].logprobs.content)
        assert given == pytest.approx(chance, abs=1e-3)
        assert whole.usage is not None
        assert whole.usage.prompt_tokens == answer.prompt_tokens
    chunks = client.chat.completions.create(model="tiny", messages=chats[0], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == expected[0].text
    cut = parts[1]["image_url"]["url"]
    chats[0][0]["content"][1] = {"type": "image_url", "image_url": {"url": cut[: len(cut) // 8 * 4 + 2]}}
    with pytest.raises(openai.BadRequestError, match="image 2: not usable as an image"):
        client.chat.completions.create(model="tiny", messages=chats[0])


def test_a_conversation_of_too_many_turns_is_refused(client: openai.OpenAI, requests: list[Request]) -> None:
    more = [{"role": "assistant", "content": ""}, {"role": "user", "content": ""}] * 2100
    with pytest.raises(openai.BadRequestError, match="the conversation has 4200 earlier messages"):
        client.chat.completions.create(model="tiny", messages=[*messages(requests[0]), *more])


def test_probabilities_and_shorter_answers_are_given_on_request(
    client: openai.OpenAI, requests: list[Request]
) -> None:
    (whole,) = client.chat.completions.create(
        model="tiny", messages=messages(requests[0]), logprobs=True
    ).choices
    assert whole.logprobs is not None
    tokens = whole.logprobs.content or []
    assert "".join(token.token for token in tokens) == whole.message.content
    assert all(token.logprob <= 0 for token in tokens)
    (cut,) = client.chat.completions.create(
        model="tiny", messages=messages(requests[0]), max_tokens=3
    ).choices
    assert cut.message.content == "".join(token.token for token in tokens[:3])
    assert (cut.finish_reason, cut.logprobs) == ("length", None)


def test_tokens_are_counted_and_alternatives_given(
    client: openai.OpenAI, tiny_checkpoint: Path, requests: list[Request]
) -> None:
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS, repeat_stop=False
        )
    )
    for request in requests[:2]:
        answer = client.chat.completions.create(
            model="tiny", messages=messages(request), logprobs=True, top_logprobs=3
        )
        tokens = answer.choices[0].logprobs.content  # type: ignore[union-attr]
        assert tokens is not None
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == len(engine.encode(request).token_ids)
        assert answer.usage.completion_tokens == len(tokens) == NEW_TOKENS
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + NEW_TOKENS
        for token in tokens:
            ranked = [other.logprob for other in token.top_logprobs]
            assert len(ranked) == 3
            assert ranked == sorted(ranked, reverse=True)
            assert ranked[0] == pytest.approx(token.logprob, abs=1e-5)  # greedy


def test_a_stream_joins_to_the_whole_answer(client: openai.OpenAI, requests: list[Request]) -> None:
    whole = client.chat.completions.create(model="tiny", messages=messages(requests[0]), logprobs=True)
    chunks = list(
        client.chat.completions.create(
            model="tiny",
            messages=messages(requests[0]),
            logprobs=True,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *pieces, last = chunks
    assert (last.choices, last.usage) == ([], whole.usage)
    choices = [chunk.choices[0] for chunk in pieces]
    assert "".join(choice.delta.content or "" for choice in choices) == whole.choices[0].message.content
    listed = [token for choice in choices if choice.logprobs for token in choice.logprobs.content or []]
    assert whole.choices[0].logprobs is not None
    assert listed == whole.choices[0].logprobs.content
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["length"]


def test_streams_of_several_clients_are_decoded_together_and_join_to_the_plain_answers(
    client: openai.OpenAI, requests: list[Request]
) -> None:
    def plain(request: Request) -> str | None:
        (choice,) = client.chat.completions.create(model="tiny", messages=messages(request)).choices
        return choice.message.content

    def streamed(request: Request) -> list[str]:
        chunks = client.chat.completions.create(model="tiny", messages=messages(request), stream=True)
        return [text for chunk in chunks if (text := chunk.choices[0].delta.content)]

    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(streamed, requests[:4]))
    assert ["".join(each) for each in pieces] == [plain(request) for request in requests[:4]]
    assert min(map(len, pieces)) > 1


def test_a_damaged_image_is_the_clients_fault(client: openai.OpenAI, requests: list[Request]) -> None:
    turns = messages(requests[3])
    head, _, data = turns[-1]["content"][1]["image_url"]["url"].partition(",")
    turns[-1]["content"][1]["image_url"]["url"] = f"{head},{data[: len(data) // 8 * 4]}"
    with pytest.raises(openai.BadRequestError, match="the image: not usable as an image"):
        client.chat.completions.create(model="tiny", messages=turns)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"model": "other"}, 404, "model 'other' is not served here, 'tiny' is"),
        ({"stream": "yes"}, 400, "stream"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "tools: this server does not"),
        ({"max_tokens": -1}, 400, "max_tokens: Input should be greater than or equal to 1"),
        ({"temperature": 0.7}, 400, "decodes greedily"),
        ({"messages": [{"role": "user", "content": []}]}, 400, "expected a text, an image_url, or both"),
        ({"messages": 3}, 400, "messages: Input should be a valid list"),
        ({"messages": "x" * 2_000_000}, 413, "larger than 1 MB"),
    ],
)
def test_what_it_cannot_do_is_said(
    client: openai.OpenAI, requests: list[Request], change: dict[str, Any], status: int, message: str
) -> None:
    with pytest.raises(openai.APIStatusError, match=message) as caught:
        client.chat.completions.create(**{"model": "tiny", "messages": messages(requests[0]), **change})
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://example.com/a.png", "expected the image itself"),
        ("data:image/png;base64,%%%", "not base64"),
        ("data:image/png;base64,AAAA", "the image: not usable as an image"),
    ],
)
def test_an_image_that_cannot_be_used_is_said(
    client: openai.OpenAI, requests: list[Request], url: str, message: str
) -> None:
    turns = messages(requests[0])
    turns[-1]["content"][1]["image_url"]["url"] = url
    with pytest.raises(openai.BadRequestError, match=message):
        client.chat.completions.create(model="tiny", messages=turns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<|image_pad|>", r"the user message has <\|image_pad\|> in its text"),
        ("red square " * 5000, r"the prompt has \d+ tokens, and may have 4096 \(max_prompt_tokens\)"),
        ("half \ud83d a pair", "not JSON"),
    ],
)
def test_a_text_that_cannot_be_used_is_said(
    address: str, client: openai.OpenAI, requests: list[Request], text: str, message: str
) -> None:
    turns = messages(requests[0])
    turns[-1]["content"][2]["text"] = text
    body = json.dumps({"model": "tiny", "messages": turns})
    response = httpx.post(
        f"{address}/chat/completions",
        content=body,
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    assert response.status_code == 400
    assert re.search(message, response.json()["error"]["message"])
    (choice,) = client.chat.completions.create(model="tiny", messages=messages(requests[0])).choices
    assert choice.message.content


def test_a_wrong_key_is_refused(address: str, requests: list[Request]) -> None:
    stranger = openai.OpenAI(base_url=address, api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="tiny", messages=messages(requests[0]))
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("host=0.0.0.0",), "host=0.0.0.0: other machines can reach that address: set SERVE_API_KEY"),
        (("prot=9000",), "did you mean 'port'"),
        (("port=0",), "port: 0 is less than 1"),
        (("host=[::]",), "host=::: other machines can reach that address"),
        (("host=::",), "host=::: other machines can reach that address"),
        (("max_megapixels=500",), "max_megapixels: 500 is more than 178"),
        (("max_inflight_megabytes=8",), "max_inflight_megabytes: 8 is less than max_megabytes"),
        (("idle_seconds=0",), "idle_seconds: 0.0 is not a time above 0"),
        (("base_checkpoint=elsewhere",), "base_checkpoint is set, but there is no lora_config.json"),
    ],
)
def test_bad_settings_are_one_line(tiny_checkpoint: Path, words: tuple[str, ...], message: str) -> None:
    process = start(str(tiny_checkpoint), *words, SERVE_API_KEY="")
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = shown.splitlines()
    assert message in line


def test_a_key_that_can_be_guessed_is_one_line(tiny_checkpoint: Path) -> None:
    process = start(str(tiny_checkpoint), SERVE_API_KEY="x")
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 2
    assert shown.startswith("error: SERVE_API_KEY: a key has at least 8 characters")
    assert len(shown.splitlines()) == 1


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(tiny_checkpoint: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(str(tiny_checkpoint), f"port={taken.getsockname()[1]}")
        _, shown = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "cannot listen there: Address already in use" in shown
