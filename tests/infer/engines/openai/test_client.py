"""The openai engine against a real HTTP server, which fails when it is told to."""

import dataclasses
import gc
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from grounding.answers.forms import REPEATED
from grounding.errors import UserError
from grounding.grammar.server_forms import request_fields
from infer.asking.dataset_questions import read_questions
from infer.engines.openai.client import OpenAIEngine
from infer.engines.opening import open_engine
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Exchange, RawAnswer, Request, Token
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from tests.infer.engines.openai.chat_server import ChatServer, Fault
from tests.infer.serve.running_server import running

ROOT = Path(__file__).parents[4]


def say(request: Request) -> RawAnswer:
    """Name a box that depends on the question, token by token."""
    texts = ["red", " square", "(1,2),", f"(30,{len(request.user)})"]
    logprobs = [-0.1, -0.2, -0.3, -1 / len(request.user)]
    return RawAnswer("".join(texts), False, tuple(map(Token, texts, logprobs)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    with ChatServer(tmp_path / "received", say) as running:
        yield running


@pytest.fixture
def recipe(dataset: Any, server: ChatServer, tmp_path: Path) -> InferRecipe:
    return InferRecipe(
        dataset=str(dataset.path),
        output_dir=str(tmp_path / "out"),
        engine="openai",
        base_url=server.url,
        model="tiny",
        concurrency=3,
        timeout=60.0,
        retries=2,
    )


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    return [question.request for question in read_questions(dataset.path, "val")]


def connect(url: str, model: str = "tiny", **keys: Any) -> OpenAIEngine:
    return OpenAIEngine(EngineSettings(engine="openai", base_url=url, model=model, **keys))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def part_of(recipe: InferRecipe) -> Path:
    return recipe.output_path / "predictions.jsonl.part"


def test_the_question_arrives_as_it_stands(
    server: ChatServer, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server.key = "secret"
    engine = connect(server.url, max_new_tokens=77, request={"top_k": 5})
    answers = engine.answer(requests)
    assert [answer.text for answer in answers] == [say(request).text for request in requests]
    for asked, request in zip(server.asked, requests, strict=True):
        assert (asked.system, asked.user) == (request.system, request.user)
        assert asked.picture.read_bytes() == request.picture.read_bytes()
        assert asked.picture.suffix == ".png"
    body = server.bodies[0]
    assert {key: body[key] for key in body if key != "messages"} == {
        "model": "tiny",
        "max_tokens": 77,
        "temperature": 0.0,
        "top_k": 5,
    }


def test_several_pictures_arrive_in_their_order(server: ChatServer, requests: list[Request]) -> None:
    files = [requests[number].picture for number in (2, 0, 1, 0)]
    asked = Request(tuple(files), "", "<image>, <image> and <image>: which is like <image>?")
    connect(server.url).answer([asked])
    (arrived,) = server.asked
    assert arrived.user == asked.user
    assert [file.read_bytes() for file in arrived.images] == [file.read_bytes() for file in files]


def test_the_grammar_is_that_of_the_pictures_asked_about(server: ChatServer, requests: list[Request]) -> None:
    files = tuple(request.picture for request in requests[:3])
    several = Request(files, "", "<image>" * 3)
    engine = connect(server.url, grammar="json", grammar_field="vllm")
    engine.answer([several, replace(several, about=1), replace(several, is_free_form=True), requests[0]])
    sent = [body.get("structured_outputs", {}).get("grammar") for body in server.bodies]
    settings = {"field": "vllm", "answer_format": "json", "labels": ()}
    expected = [
        request_fields(**settings, pictures=number)["structured_outputs"]["grammar"] for number in (3, 1)
    ]
    assert sent == [expected[0], expected[1], None, expected[1]]
    assert expected[0] != expected[1]


def test_a_conversation_is_sent_with_the_picture_in_its_first_turn(
    recipe: InferRecipe, server: ChatServer, dataset: Any
) -> None:
    server.request_in = lambda body: request  # type: ignore[method-assign]  # of one turn
    request = read_questions(dataset.path, "val")[0].request
    history = (Exchange(request.user, "A dog."), Exchange("And a cat?", "None."))
    asked = dataclasses.replace(request, system="Be brief.", user="Sure?", history=history)
    assert OpenAIEngine(recipe).answer([asked])[0].text == say(request).text
    system, first, *later = server.bodies[0]["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert [part["type"] for part in first["content"]] == ["image_url", "text"]
    assert [(each["role"], each["content"]) for each in later] == [
        ("assistant", "A dog."),
        ("user", "And a cat?"),
        ("assistant", "None."),
        ("user", "Sure?"),
    ]


def test_sampling_is_the_servers_and_each_draw_has_a_seed(
    server: ChatServer, requests: list[Request]
) -> None:
    engine = connect(server.url, temperature=0.7, top_p=0.9, seed=40)
    engine.answer([dataclasses.replace(requests[0], draw=draw) for draw in range(3)])
    assert [(body["temperature"], body["top_p"], body["seed"]) for body in server.bodies] == [
        (0.7, 0.9, 40),
        (0.7, 0.9, 41),
        (0.7, 0.9, 42),
    ]


def test_a_request_can_name_its_own_temperature(server: ChatServer, requests: list[Request]) -> None:
    asked = dataclasses.replace(requests[0], draw=3)
    connect(server.url, seed=40).answer([dataclasses.replace(asked, temperature=1.0)])
    connect(server.url, temperature=0.7).answer([dataclasses.replace(asked, temperature=0.0)])
    assert [(body["temperature"], body.get("seed")) for body in server.bodies] == [(1.0, 43), (0.0, None)]


def test_what_comes_back_is_cut_where_it_repeats_itself(tmp_path: Path, requests: list[Request]) -> None:
    texts = ["red", " square", "(1,2),(30,", "40), ", "red", " square(1,2),", "(30,40)", ", red"]
    looping = RawAnswer("".join(texts), True, tuple(Token(text, -0.5) for text in texts))
    with ChatServer(tmp_path / "received", lambda _: looping) as running:
        [cut] = connect(running.url, score="min_prob").answer(requests[:1])
        [whole] = connect(running.url, score="min_prob", repeat_stop=False).answer(requests[:1])
    assert (cut.text, cut.stopped, cut.is_cut) == ("red square(1,2),(30,40)", REPEATED, False)
    assert "".join(token.text for token in cut.tokens) == cut.text
    assert (whole.text, whole.stopped, whole.is_cut) == (looping.text, None, True)


@pytest.mark.filterwarnings("ignore")
def test_predictions_over_http_equal_those_of_the_paddle_engine(
    tiny_checkpoint: Path, dataset: Any, tmp_path: Path
) -> None:
    paddle = PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=16))
    lock = threading.Lock()

    def answer(request: Request) -> RawAnswer:
        with lock:
            return paddle.answer([request])[0]

    local = InferRecipe(
        checkpoint=str(tiny_checkpoint),
        dataset=str(dataset.path),
        output_dir=str(tmp_path / "paddle"),
        max_new_tokens=16,
    )
    expected = predict(local, lambda *_: paddle).read_bytes()
    paddle.repeat_stop = False  # as of a server that knows nothing of it: the client cuts what comes back
    with ChatServer(tmp_path / "received", answer) as running:
        remote = dataclasses.replace(
            local,
            output_dir=str(tmp_path / "openai"),
            engine="openai",
            base_url=running.url,
            model="tiny",
            concurrency=4,
        )
        assert predict(remote, open_engine).read_bytes() == expected
    assert len({row["raw"] for row in rows_of(tmp_path / "paddle" / "predictions.jsonl")}) > 1
    assert b'"truncated"' in expected  # what the server cuts is known as cut


def test_tokens_through_our_server_are_those_of_the_engine(
    tiny_checkpoint: Path, requests: list[Request]
) -> None:
    """A random model writes bytes that are no characters, parts of them, and special tokens."""
    keys: dict[str, Any] = {"score": "min_prob", "max_new_tokens": 24, "repeat_stop": False}
    paddle = PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", **keys))
    asked = [dataclasses.replace(request, alternatives=5) for request in requests]
    with running(engine=paddle) as served:
        answers = connect(f"http://127.0.0.1:{served.port}/v1", "m", **keys).answer(asked)
    texts = "".join(answer.text for answer in answers)
    assert "\ufffd" in texts
    assert "<|" in texts
    for here, there in zip(paddle.answer(asked), answers, strict=True):
        assert (there.text, there.is_cut, len(there.tokens)) == (here.text, here.is_cut, len(here.tokens))
        for own, other in zip(here.tokens, there.tokens, strict=True):
            assert (other.text, other.content, other.is_unfinished) == (
                own.text,
                own.content,
                own.is_unfinished,
            )
            assert other.logprob == pytest.approx(own.logprob, abs=1e-4)
            assert dict(other.alternatives) == pytest.approx(dict(own.alternatives), abs=1e-4)


def test_images_are_asked_at_a_time_and_rows_keep_their_order(
    server: ChatServer, recipe: InferRecipe
) -> None:
    all_there = threading.Barrier(3, timeout=60)

    def answer_when_three_have_asked(request: Request) -> RawAnswer:
        time.sleep(0.1 * all_there.wait())  # the last to come is the first to be answered
        return say(request)

    server.answer = answer_when_three_have_asked
    rows = rows_of(predict(dataclasses.replace(recipe, limit=6), open_engine))
    assert server.most_at_a_time == 3
    assert [row["image_id"] for row in rows] == list(range(101, 107))
    assert [row["raw"] for row in rows] == [
        say(request).text for request in sorted(server.asked, key=place_of)
    ]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would pause before each retry; it does not."""
    seconds: list[float] = []

    async def sleep(pause: float) -> None:
        seconds.append(pause)

    monkeypatch.setattr("openai._base_client.anyio", SimpleNamespace(sleep=sleep))
    return seconds


@pytest.mark.parametrize(
    ("faults", "shortest", "longest"),
    [
        ([Fault(500), Fault(503), Fault(500)], [0.3, 0.7, 1.5], [0.5, 1.0, 2.0]),
        ([Fault(429, {"Retry-After": "1.5"})], [1.5], [1.5]),
        ([Fault(drops=True)], [0.3], [0.5]),
        ([Fault(pause=3.0)], [0.3], [0.5]),
    ],
    ids=["errors", "too many requests", "dropped connection", "no answer in time"],
)
def test_temporary_failures_are_retried_after_a_pause(
    server: ChatServer,
    requests: list[Request],
    pauses: list[float],
    faults: list[Fault],
    shortest: list[float],
    longest: list[float],
) -> None:
    server.faults.extend(faults)
    timeout = 1.0 if faults[0].pause else 60.0
    engine = connect(server.url, timeout=timeout, retries=3)
    assert engine.answer(requests[:1])[0].text == say(requests[0]).text
    assert len(server.asked) == len(faults) + 1
    assert all(a <= pause <= b for a, pause, b in zip(shortest, pauses, longest, strict=True))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(500, message="out of memory"), "HTTP 500, out of memory: failed 2 times"),
        (Fault(drops=True), "no connection .*is the server running"),
        (Fault(pause=3.0), "no answer about .*000101.png within 1 s: lower concurrency"),
        (Fault(400, message="image too large"), "000101.png: the server refuses .*400, image too large"),
    ],
    ids=["error", "dropped connection", "no answer in time", "refused"],
)
def test_what_stays_wrong_is_named(
    server: ChatServer, requests: list[Request], fault: Fault, message: str
) -> None:
    server.fault_of = lambda request: fault
    with pytest.raises(UserError, match=message):
        connect(server.url, timeout=1.0, retries=1).answer(requests[:1])


def test_wrong_key_model_and_place_are_named(
    server: ChatServer, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "guessed")
    with pytest.raises(UserError, match="404, The model `big` does not exist: is model 'big' in the list of"):
        connect(server.url, "big").answer(requests[:1])
    with pytest.raises(UserError, match=r"HTTP 404, .*Not Found"):
        connect(server.url.removesuffix("/v1")).answer(requests[:1])
    with pytest.raises(UserError, match=r"no connection .*refused.*is the server running"):
        connect("http://127.0.0.1:9/v1", retries=0).answer(requests[:1])
    server.key = "secret"
    with pytest.raises(UserError, match="HTTP 401, wrong key: set the environment variable OPENAI_API_KEY"):
        connect(server.url).answer(requests[:1])
    assert server.asked == []


def test_one_refused_image_is_one_line_and_the_other_answers_are_kept(
    server: ChatServer, recipe: InferRecipe, tmp_path: Path
) -> None:
    bad = (recipe.dataset_path / "images" / "000103.png").read_bytes()
    server.fault_of = lambda request: (
        Fault(400, message="no such image", pause=0.3) if request.picture.read_bytes() == bad else None
    )
    shown = run_infer(recipe, tmp_path, OPENAI_API_KEY="top-secret")
    assert shown.returncode == 2
    assert [line for line in shown.stderr.splitlines() if line and "predict:" not in line] == [
        f"error: {recipe.dataset}/images/000103.png: the server refuses the question "
        f"({server.url}: HTTP 400, no such image)"
    ]
    kept = {int(line.split(b"\t")[0]) for line in part_of(recipe).read_bytes().splitlines()}
    assert kept >= {0, 1, 3}
    assert b"top-secret" not in b"".join(path.read_bytes() for path in recipe.output_path.iterdir())
    server.fault_of, asked = lambda request: None, len(server.asked)
    rows = rows_of(predict(recipe, open_engine))
    assert [row["image_id"] for row in rows] == list(range(101, 108))
    assert len(server.asked) - asked == 7 - len(kept)


def body_of(**message: Any) -> Fault:
    reason = message.pop("finish_reason", "stop")
    choice = {"message": {"role": "assistant", "content": None, **message}, "finish_reason": reason}
    return raw_body(json.dumps({"choices": [choice]}).encode())


def raw_body(body: bytes, declared: int | None = None) -> Fault:
    length = len(body) if declared is None else declared
    return Fault(raw=(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, body),))


@pytest.mark.parametrize(
    "garbled",
    [
        raw_body(b""),
        raw_body(b'{"choices": [{"message": {"content": "red squ'),
        raw_body(b"<html><body>502 Bad Gateway</body></html>"),
        raw_body(b'{"choices"', declared=500),
        Fault(raw=(b"HTTP/1.1 204 No Content\r\n\r\n",)),
    ],
    ids=["empty", "cut JSON", "HTML", "cut body", "no content"],
)
def test_a_garbled_answer_is_asked_for_again(
    server: ChatServer, requests: list[Request], monkeypatch: pytest.MonkeyPatch, garbled: Fault
) -> None:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    server.faults.extend([garbled, garbled])
    (answer,) = connect(server.url, retries=2).answer(requests[:1])
    assert answer.text == say(requests[0]).text
    assert len(server.asked) == 3


def test_what_comes_in_place_of_an_answer_is_a_named_problem_and_the_run_goes_on(
    server: ChatServer, recipe: InferRecipe, tmp_path: Path
) -> None:
    call = [{"id": "1", "type": "function", "function": {"name": "find", "arguments": "red(1,2),(3,4)"}}]
    server.faults.extend(
        [
            body_of(refusal="I cannot help: red(1,2),(3,4)"),
            body_of(tool_calls=call, finish_reason="tool_calls"),
            body_of(reasoning_content="red(1,2),(3,4)?", finish_reason="length"),
            body_of(content="red(1,2),(3,4)", reasoning_content="blue(5,6),(7,8)"),
            body_of(content=[{"type": "text", "text": "red(1,2)"}, {"type": "text", "text": ",(3,4)"}]),
            body_of(content="red(1,2),(3,", finish_reason="content_filter"),
            raw_body(b"<html>"),
        ]
    )
    recipe = dataclasses.replace(recipe, concurrency=1, retries=0)
    shown = run_infer(recipe, tmp_path)
    assert shown.returncode == 2
    assert "is no chat completion, it is not JSON: '<html>'" in shown.stderr
    assert "Traceback" not in shown.stderr
    rows = rows_of(predict(recipe, open_engine))
    assert len(server.asked) == 8  # what was answered is kept
    assert [row["problems"] for row in rows[:3]] == [
        ["refusal"],
        ["call of a tool in place of an answer"],
        ["thoughts without an answer", "truncated"],
    ]
    assert [len(row["detections"]) for row in rows] == [0, 0, 0, 1, 1, 0, 1]
    assert [row["detections"][0]["label"] for row in rows[3:5]] == ["red", "red"]
    assert rows[5]["problems"] == ["stopped by the server's content filter"]
    assert rows[0]["raw"] == "I cannot help: red(1,2),(3,4)"


def run_infer(recipe: InferRecipe, tmp_path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        infer_command(recipe, tmp_path),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def infer_command(recipe: InferRecipe, tmp_path: Path) -> list[str]:
    path = tmp_path / f"{recipe.output_path.name}.yaml"
    path.write_text(OmegaConf.to_yaml(dataclasses.asdict(recipe)), encoding="utf-8")
    return [sys.executable, "-m", "infer", str(path)]


def test_killed_at_any_moment_no_image_is_lost_or_asked_twice(
    server: ChatServer, recipe: InferRecipe, tmp_path: Path
) -> None:
    server.fault_of = lambda request: Fault(pause=0.15)
    recipe = dataclasses.replace(recipe, concurrency=2)
    expected = predict(dataclasses.replace(recipe, output_dir=str(tmp_path / "whole")), open_engine)
    chance = random.Random(0)
    kept: dict[int, int] = {}  # image -> how often it had been asked when its row was there
    predictions = recipe.output_path / "predictions.jsonl"
    server.asked.clear()
    for _ in range(12):
        if predictions.is_file():
            break
        before = len(server.asked)
        with subprocess.Popen(
            infer_command(recipe, tmp_path), cwd=ROOT, stderr=subprocess.DEVNULL
        ) as process:
            while len(server.asked) == before and process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.4)
            process.send_signal(signal.SIGKILL)
        counts = Counter(map(place_of, server.asked))
        if part_of(recipe).is_file():
            rows = [line.split(b"\t", 1) for line in part_of(recipe).read_bytes().splitlines(keepends=True)]
            whole = [int(row[0]) for row in rows if row[-1].endswith(b"\n")]
            assert len(whole) == len(set(whole))
            for place in whole:
                assert kept.setdefault(place, counts[place]) == counts[place]
    else:
        predict(recipe, open_engine)
    assert len(kept) >= 4
    assert predictions.read_bytes() == expected.read_bytes()


def place_of(request: Request) -> int:
    """The questions of the data set differ in this."""
    return request.user.count("red square")


def test_an_image_that_hangs_holds_up_no_other(
    server: ChatServer, recipe: InferRecipe, tmp_path: Path
) -> None:
    first = (recipe.dataset_path / "images" / "000101.png").read_bytes()
    server.fault_of = lambda request: Fault(pause=8.0) if request.picture.read_bytes() == first else None
    with subprocess.Popen(infer_command(recipe, tmp_path), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            if part_of(recipe).is_file() and part_of(recipe).read_bytes().count(b"\n") == 6:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    server.fault_of = lambda request: None
    server.asked.clear()
    rows = rows_of(predict(recipe, open_engine))
    assert [request.picture.read_bytes() for request in server.asked] == [first]
    assert [row["image_id"] for row in rows] == list(range(101, 108))


def test_scores_come_from_the_servers_logprobs(server: ChatServer, recipe: InferRecipe) -> None:
    rows = rows_of(predict(dataclasses.replace(recipe, score="min_prob"), open_engine))
    assert {row["detections"][0]["score"] for row in rows} == {round(math.exp(-0.3), 4)}
    assert all(row["problems"] == [] for row in rows)
    server.answer = lambda request: RawAnswer(say(request).text, False)
    recipe = dataclasses.replace(recipe, score="min_prob", overwrite=True)
    assert {
        (row["detections"][0]["score"], *row["problems"]) for row in rows_of(predict(recipe, open_engine))
    } == {(None, "no probabilities to score by")}


def test_a_server_without_logprobs_is_named(server: ChatServer, requests: list[Request]) -> None:
    original = server.completion

    def without(body: dict[str, Any], answer: RawAnswer) -> dict[str, Any]:
        return original({**body, "logprobs": False}, answer)

    server.completion = without  # type: ignore[method-assign]
    with pytest.raises(UserError, match="sends no logprobs: set score=none"):
        connect(server.url, score="min_prob").answer(requests[:1])


def say_with_alternatives(request: Request) -> RawAnswer:
    answer = say(request)
    likely = [((token.text, token.logprob), ("\ufffd", -7.0), ("", -8.0)) for token in answer.tokens]
    tokens = [
        dataclasses.replace(token, alternatives=ranked)
        for token, ranked in zip(answer.tokens, likely, strict=True)
    ]
    return dataclasses.replace(answer, tokens=tuple(tokens))


def test_alternatives_are_those_of_the_server(server: ChatServer, requests: list[Request]) -> None:
    server.answer = say_with_alternatives
    asked = dataclasses.replace(requests[0], alternatives=2, max_tokens=9)
    for score in ("none", "min_prob"):  # a request can ask for them by itself
        (answer,) = connect(server.url, score=score).answer([asked])
        assert [token.alternatives for token in answer.tokens] == [
            token.alternatives[:2] for token in say_with_alternatives(requests[0]).tokens
        ]
        assert answer == dataclasses.replace(say(requests[0]), tokens=answer.tokens)
        body = server.bodies[-1]
        assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 2, 9)
    fewer = connect(server.url, request={"top_logprobs": 1}).answer([asked])[0]
    assert {len(token.alternatives) for token in fewer.tokens} == {1}
    assert server.bodies[-1]["top_logprobs"] == 1
    connect(server.url).answer(requests[:1])
    assert "top_logprobs" not in server.bodies[-1]


def test_a_server_that_gives_fewer_alternatives_is_named_once(
    server: ChatServer, requests: list[Request], caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = say_with_alternatives
    engine = connect(server.url)
    engine.answer([dataclasses.replace(request, alternatives=3) for request in requests])
    assert caplog.messages == []
    engine.answer([dataclasses.replace(request, alternatives=9) for request in requests])
    (said,) = caplog.messages
    assert said.startswith(f"{server.url}: gives 3 alternatives a token, not 9: ")


def test_a_server_without_alternatives_is_named(server: ChatServer, requests: list[Request]) -> None:
    asked = dataclasses.replace(requests[0], alternatives=2)
    with pytest.raises(UserError, match=r"sends no alternatives .top_logprobs.: set another score"):
        connect(server.url).answer([asked])


@pytest.mark.parametrize(
    ("said", "alternatives", "message"),
    [
        (
            "top_logprobs must be 5 or less",
            10,
            r"HTTP 400, top_logprobs must be 5 or less: it gives fewer than 10 .*max-logprobs 10.*"
            r"request.top_logprobs=5",
        ),
        ("no logprobs here", 0, "HTTP 400, no logprobs here: it gives no probabilities: set score=none"),
        ("image too large", 10, "000101.png: the server refuses the question"),
    ],
)
def test_a_server_that_refuses_probabilities_is_one_line(
    server: ChatServer, requests: list[Request], said: str, alternatives: int, message: str
) -> None:
    server.fault_of = lambda request: Fault(400, message=said)
    asked = dataclasses.replace(requests[0], alternatives=alternatives)
    with pytest.raises(UserError, match=message) as refused:
        connect(server.url, score="min_prob").answer([asked])
    assert "\n" not in str(refused.value)


def test_connections_are_closed_with_the_engine(server: ChatServer, requests: list[Request]) -> None:
    engine = connect(server.url)
    engine.answer(requests[:2])
    assert server.connections == 1  # the second request takes the same connection
    client = engine.chat.client
    del engine
    gc.collect()
    deadline = time.monotonic() + 60
    while not client.is_closed() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert client.is_closed()


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("vllm", "structured_outputs"),
        ("sglang", "ebnf"),
        ("fastdeploy", "guided_grammar"),
        ("response_format", "response_format"),
    ],
)
def test_the_grammar_goes_out_in_the_servers_field(
    field: str, name: str, server: ChatServer, requests: list[Request]
) -> None:
    more = {"request": {"skip_special_tokens": False}}
    engine = connect(server.url, grammar="json", grammar_field=field, **more)
    engine.answer([requests[0], dataclasses.replace(requests[0], is_free_form=True)])
    within, free = server.bodies
    fields = request_fields(field, "json", ())
    assert within[name] == fields[name]
    assert within == free | fields
    assert name not in free
    assert free["skip_special_tokens"] is False


def test_a_servers_grammar_has_the_categories_of_the_data_set(
    recipe: InferRecipe, server: ChatServer
) -> None:
    keys = {"grammar": "objects", "grammar_labels": "categories", "grammar_field": "sglang"}
    predict(dataclasses.replace(recipe, **keys, limit=1), open_engine)
    assert 'label ::= "red square" | "green circle"\n' in server.bodies[0]["ebnf"]


def test_a_refused_grammar_names_the_field_and_what_to_do(
    server: ChatServer, requests: list[Request]
) -> None:
    server.faults.append(Fault(status=400, message="unknown field structured_outputs"))
    engine = connect(server.url, grammar="objects", grammar_field="vllm")
    with pytest.raises(UserError) as refused:
        engine.answer(requests[:1])
    message = str(refused.value)
    assert "\n" not in message
    assert "unknown field structured_outputs" in message
    assert message.endswith(
        "takes no grammar in 'structured_outputs', set another grammar_field or grammar=none"
    )
