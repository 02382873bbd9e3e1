import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grounding.errors import UserError, run_command
from infer.dlc_bench.__main__ import main
from infer.dlc_bench.bench_run import run_bench
from infer.dlc_bench.bench_settings import BenchSettings
from infer.engines import opening
from infer.engines.protocol import RawAnswer
from tests.infer.dlc_bench.small_bench import DESCRIPTIONS, DescribingEngine, judged, write_bench
from tests.infer.engines.openai.chat_server import ChatServer, Fault

QUESTIONS = 13


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return write_bench(tmp_path / "bench")


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr("grounding.remote.chat_client.SHORTEST_PAUSE", 0.01)
    with ChatServer(tmp_path / "received", judged, models=("judge",)) as server:
        yield server


def settings(checkpoint: Path, judge: ChatServer, folder: Path, **more: Any) -> BenchSettings:
    usual = {"checkpoint": str(checkpoint), "output_dir": str(folder), "batch_size": 2}
    server = {"judge_url": judge.url, "judge_model": "judge", "judge_retries": 2}
    return BenchSettings(**{**usual, **server, **more})


def scores_in(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "dlc_scores.json").read_text(encoding="utf-8"))
    return content


def quick(status: int) -> Fault:
    return Fault(status, {"Retry-After-Ms": "1"})


GARBLED = Fault(raw=(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<h1>",))
DROPPED = Fault(drops=True)


def test_regions_are_described_judged_and_scored(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    engine, out = DescribingEngine(), tmp_path / "out"
    report = run_bench(bench, settings(checkpoint, judge, out), lambda _: engine)
    scores = scores_in(out)
    assert scores["dlc_positive"] == pytest.approx((0.75 - 1) / 4)
    assert scores["dlc_negative"] == pytest.approx(1 / 3)
    assert scores["judge"] == "judge"
    assert scores["by_region"]["13"]["recognised"] is False
    assert "dlc_average" in report
    assert "4 regions, 1 without a description; 13 answers of judge judge, 1 of them name no choice" in report
    words = json.loads((out / "descriptions.json").read_text(encoding="utf-8"))
    assert words == {**DESCRIPTIONS, "11": "A brown dog with a red collar."}
    assert len(judge.asked) == QUESTIONS
    assert judge.bodies[0].items() >= {"temperature": 0.0, "max_tokens": 300, "top_p": 1}.items()
    assert {request.user.count("<image>") for request in engine.asked} == {1}
    assert engine.asked[0].user.endswith("Describe what is inside the white outline in detail.")
    assert engine.asked[0].is_free_form


def test_faults_of_the_judges_server_change_no_score(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run_bench(bench, settings(checkpoint, judge, one), lambda _: DescribingEngine())
    judge.faults.extend([quick(500), GARBLED, quick(429), DROPPED])
    run_bench(bench, settings(checkpoint, judge, two, judge_retries=4), lambda _: DescribingEngine())
    assert scores_in(two) == scores_in(one)
    assert (two / "judged.jsonl").read_bytes() == (one / "judged.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (quick(500), "HTTP 500, told to fail"),
        (Fault(401), "set the environment variable JUDGE_API_KEY"),
        (Fault(404), r"is model 'judge' \(judge_model\) in the server's list"),
        (GARBLED, "no chat completion"),
        (DROPPED, "no connection"),
    ],
)
def test_a_judge_that_fails_is_one_line_and_the_run_resumes(
    fault: Fault, message: str, bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    whole = settings(checkpoint, judge, out, judge_retries=1, judge_concurrency=1)
    judge.fault_of = lambda request: fault if len(judge.asked) >= 5 else None
    with pytest.raises(UserError, match=message) as caught:
        run_bench(bench, whole, lambda _: DescribingEngine())
    assert "\n" not in str(caught.value)
    assert not (out / "dlc_scores.json").exists()
    judge.fault_of = lambda request: None
    judge.asked.clear()
    engine = DescribingEngine()
    run_bench(bench, whole, lambda _: engine)
    assert engine.asked == []
    assert len(judge.asked) == QUESTIONS - 5
    assert scores_in(out)["dlc_negative"] == pytest.approx(1 / 3)


def test_the_judge_gets_its_own_key_and_no_file_has_it(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-model")
    monkeypatch.setenv("JUDGE_API_KEY", "key-of-the-judge")
    judge.key, out = "key-of-the-judge", tmp_path / "out"
    run_bench(bench, settings(checkpoint, judge, out), lambda _: DescribingEngine())
    sent = [{name.lower(): value for name, value in headers.items()} for headers in judge.headers]
    assert {headers["authorization"] for headers in sent} == {"Bearer key-of-the-judge"}
    assert "key-of-the-model" not in str(judge.headers) + str(judge.bodies)
    written = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"key-of-the-" not in written
    judge.answer = lambda request: RawAnswer("A. key-of-the-judge", is_cut=False)
    with pytest.raises(UserError, match="holds the key") as caught:
        run_bench(bench, settings(checkpoint, judge, tmp_path / "two"), lambda _: DescribingEngine())
    assert "key-of-the-" not in str(caught.value)
    assert b"key-of-the-" not in b"".join(path.read_bytes() for path in (tmp_path / "two").glob("*.jsonl*"))


def test_a_killed_description_resumes_and_ends_with_the_same_bytes(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    run_bench(bench, settings(checkpoint, judge, tmp_path / "one"), lambda _: DescribingEngine())
    chosen = settings(checkpoint, judge, tmp_path / "two")
    with pytest.raises(KeyboardInterrupt):
        run_bench(bench, chosen, lambda _: DescribingEngine(dies_after=2))
    engine = DescribingEngine()
    run_bench(bench, chosen, lambda _: engine)
    assert len(engine.asked) == 2
    for name in ("described.jsonl", "judged.jsonl", "dlc_scores.json", "descriptions.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_another_judge_judges_the_same_descriptions_only_with_overwrite(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    judge.models = ("judge", "other")
    run_bench(bench, settings(checkpoint, judge, out), lambda _: DescribingEngine())
    with pytest.raises(UserError, match=r"judge_model=other \(was judge\)"):
        run_bench(bench, settings(checkpoint, judge, out, judge_model="other"), lambda _: DescribingEngine())
    with pytest.raises(UserError, match=r"show=outline \(was spotlight\)"):
        run_bench(bench, settings(checkpoint, judge, out, show="outline"), lambda _: DescribingEngine())
    judge.asked.clear()
    run_bench(
        bench,
        settings(checkpoint, judge, out, judge_model="other", overwrite=True),
        lambda _: DescribingEngine(),
    )
    assert len(judge.asked) == QUESTIONS


@pytest.mark.parametrize(
    ("show", "region", "inside", "outside"),
    [("spotlight", "box", 150, 0), ("outline", "box", 150, 1200 - 204), ("spotlight", "mask", 75, 0)],
)
def test_regions_are_shown_with_their_own_pixels(
    show: str,
    region: str,
    inside: int,
    outside: int,
    bench: Path,
    judge: ChatServer,
    checkpoint: Path,
    tmp_path: Path,
) -> None:
    chosen = settings(checkpoint, judge, tmp_path / "out", show=show, region=region)
    run_bench(bench, chosen, lambda _: DescribingEngine())
    with Image.open(bench / "images" / "a.png") as picture:
        before = np.asarray(picture.convert("RGB"))
    with Image.open(tmp_path / "out" / "shown" / f"{show}_11.png") as picture:
        same = (np.asarray(picture) == before).all(axis=-1)
    in_box = np.zeros_like(same)
    in_box[5:20, 5:15] = True
    # The triangle covers half of its box, give or take the pixels along its long side.
    assert abs(int((same & in_box).sum()) - inside) <= (10 if region == "mask" else 0)
    assert (same & ~in_box).sum() == outside


def test_text_states_the_box_and_leaves_the_picture(
    bench: Path, judge: ChatServer, checkpoint: Path, tmp_path: Path
) -> None:
    engine = DescribingEngine()
    engine.answer = lambda requests: (  # type: ignore[method-assign]
        engine.asked.extend(requests) or [RawAnswer("", is_cut=False)] * len(requests)
    )
    judge.answer = lambda request: RawAnswer("A", is_cut=False)
    run_bench(bench, settings(checkpoint, judge, tmp_path / "out", show="text"), lambda _: engine)
    assert engine.asked[0].picture == bench / "images" / "a.png"
    assert "(125,167),(375,667)" in engine.asked[0].user
    assert not (tmp_path / "out" / "shown").exists()


def test_the_command_takes_keys_and_prints_the_table(
    bench: Path,
    judge: ChatServer,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(opening, "open_engine", lambda _: DescribingEngine())
    words = [f"checkpoint={checkpoint}", f"judge_url={judge.url}", "judge_model=judge", "limit=2"]
    assert main([str(bench), *words, f"output_dir={tmp_path / 'out'}"]) == 0
    said = capsys.readouterr().out
    assert "dlc_positive" in said
    assert "2 regions, 0 without a description; 7 answers" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "checkpoint must be set"),
        (["checkpoint=x"], "judge_url: 'None' is not like http"),
        (["checkpoint=x", "grammar=json"], "score and grammar are about boxes"),
        (["checkpoint=x", "tensor_parallel=2"], "tensor_parallel: this command asks one process"),
        (["checkpoint=x", "judge_url=http://a"], "judge_model must be set"),
        (["checkpoint=x", "judge_url=http://a", "judge_model=m", "show=all"], "show: 'all' is not one of"),
        (["checkpoint=x", "judge_url=http://a", "judge_model=m", "show=text", "region=mask"], "states a box"),
        (["checkpoint=x", "judge_url=http://a", "judge_model=m", "show=text", "question=What?"], "{box}"),
        (
            ["checkpoint=x", "judge_url=http://a", "judge_model=m", "jugde_retries=1"],
            "did you mean 'judge_retries'",
        ),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], message: str, bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main([str(bench), *words, f"output_dir={tmp_path / 'out'}"])) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
