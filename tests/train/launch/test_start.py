import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from grounding.errors import UserError, run_command
from grounding.run_record import read_run
from models.arithmetic import fast_arithmetic
from tests.train.conftest import HANG_SECONDS
from train.launch.command import INSIDE, PLUGIN, command, cpu_processes, environment, free_port
from train.launch.processes import MARK, end_earlier_start, is_training, marked
from train.launch.run_folder import remove_run
from train.launch.start import train
from train.recipe import save_train_recipe


def test_overwriting_removes_what_could_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-7").mkdir()
    names = ("model-00001-of-00001.safetensors", "train_results.json", "train.yaml", "run.json", "notes.txt")
    for name in names:
        (tmp_path / name).write_text("1")
    remove_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwriting_removes_the_tables_of_the_earlier_checkpoint(tmp_path: Path) -> None:
    answers = tmp_path / "suites" / "coco" / "val2017" / "predictions.jsonl"
    answers.parent.mkdir(parents=True)
    for path in (answers, *(tmp_path / "suites" / "coco" / name for name in ("suite.md", "suite.json"))):
        path.write_text("1")
    remove_run(tmp_path)  # answers of other weights are asked again: their fingerprint tells
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [answers]


def test_saved_recipe_comes_back_as_it_was(tmp_path: Path) -> None:
    recipe = {"learning_rate": 2e-05, "save_strategy": "no", "train_dataset_prob": "1.0", "packing": False}
    save_train_recipe(recipe, tmp_path)
    assert yaml.safe_load((tmp_path / "train.yaml").read_text()) == recipe


@pytest.mark.parametrize(("has_gpu", "program"), [(True, "plain_command.py"), (False, "plain_process.py")])
def test_gpus_get_paddleformers_own_command_and_cpus_paddles_launcher(
    tmp_path: Path, *, has_gpu: bool, program: str
) -> None:
    words = command({"model_name_or_path": str(tmp_path)}, tmp_path, has_gpu=has_gpu)
    place = words.index("train")
    launcher = [] if has_gpu else ["-m", "paddle.distributed.launch", "--nproc_per_node", "1"]
    assert words[: 1 + len(launcher)] == [sys.executable, *launcher]
    assert words[place - 1 : place + 2] == [str(INSIDE / program), "train", str(tmp_path / "train.yaml")]
    assert f"custom_register_path={PLUGIN}" in words
    assert PLUGIN.is_file()
    assert (INSIDE / program).is_file()


def test_a_cpu_gets_the_flags_that_paddleformers_own_command_sets(tmp_path: Path) -> None:
    source = Path(import_module("paddleformers.cli").__file__ or "").with_name("cli.py").read_text()
    flags = re.findall(r'^    set_env_if_empty\("(\w+)", "(\w+)"\)', source, re.MULTILINE)
    assert flags
    assert environment({}, tmp_path, has_gpu=False).items() >= dict(flags).items()


@pytest.mark.parametrize("has_gpu", [False, True])
def test_one_word_decides_whether_paddlefleet_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_gpu: bool
) -> None:
    monkeypatch.setattr("train.launch.command.free_port", lambda: 6170)
    model = {"model_name_or_path": str(tmp_path)}
    plain = command({**model, "grounding_backend": "plain"}, tmp_path, has_gpu)
    assert plain == command(model, tmp_path, has_gpu)
    fleet = command({**model, "grounding_backend": "fleet"}, tmp_path, has_gpu)
    assert Path(fleet[0]).name == "paddleformers-cli"
    assert fleet[1:] == plain[plain.index("train") :]


@pytest.mark.parametrize(
    ("capability", "added"),
    [((8, 0), ["moe_token_dispatcher_type=alltoall"]), ((9, 0), []), (None, [])],
)
def test_older_cards_get_a_dispatcher_that_runs_on_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int] | None,
    added: list[str],
) -> None:
    monkeypatch.setattr("train.launch.command.lowest_capability", lambda: capability)

    def dispatchers(**keys: str) -> list[str]:
        words = command({"model_name_or_path": "a/b", **keys}, tmp_path, has_gpu=True)
        return [word for word in words if word.startswith("moe_token_dispatcher_type")]

    assert dispatchers(grounding_backend="fleet") == added
    assert dispatchers() == dispatchers(grounding_backend="plain") == []
    assert dispatchers(grounding_backend="fleet", moe_token_dispatcher_type="alltoall") == []


def test_tensor_parallel_cpu_run_has_a_process_each(tmp_path: Path) -> None:
    recipe = {"model_name_or_path": "Qwen/Qwen3-VL-8B-Instruct", "tensor_model_parallel_size": 2}
    words = command(recipe, tmp_path, has_gpu=False)
    assert words[words.index("--nproc_per_node") + 1] == "2"
    assert str(INSIDE / "plain_process.py") in words
    assert Path(command(recipe, tmp_path, has_gpu=True)[1]) == INSIDE / "plain_command.py"
    assert cpu_processes({"tensor_model_parallel_size": -1}) == 1
    assert "copy_custom_file_list='vocab.json merges.txt'" in words


def test_environment_finds_this_python_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "4")
    monkeypatch.delenv("MASTER_PORT", raising=False)
    cpu = environment({}, tmp_path, has_gpu=False)
    assert cpu["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert cpu["CUDA_VISIBLE_DEVICES"] == "0"
    two = environment({"tensor_model_parallel_size": 2}, tmp_path, has_gpu=False)
    assert two["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert cpu["MKL_DEBUG_CPU_TYPE"] == "4"  # what the user has set stays
    monkeypatch.delenv("MKL_DEBUG_CPU_TYPE")
    assert environment({}, tmp_path, has_gpu=False).items() >= fast_arithmetic().items()
    assert cpu["MASTER_PORT"] != "8080"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    monkeypatch.setenv("MASTER_PORT", "6000")
    gpu = environment({}, tmp_path, has_gpu=True)
    assert (gpu["CUDA_VISIBLE_DEVICES"], gpu["MASTER_PORT"]) == ("3,4", "6000")


def test_free_port_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_bad_recipe_is_one_line_and_exit_code_2(
    make_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_recipe(template="qwen3_vl", seed=0)
    assert run_command(lambda: train(path)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_finished_run_is_left_alone(recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "train_results.json").write_text("{}")
    (folder / "model.safetensors").write_text("weights")
    with caplog.at_level(logging.INFO):
        assert train(recipe) == 0
    assert "trained already" in caplog.text


def fake_run(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr("train.launch.start.command", lambda *_: [sys.executable, "-c", script])


def test_success_without_weights_is_a_failure(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_run(monkeypatch, "print('all is well')")
    assert train(recipe) == 1
    assert "without saving weights" in caplog.text


def test_environment_dumps_do_not_stay(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "run" / "logs"
    script = (
        f"from pathlib import Path; [Path({str(logs)!r}, name).touch() for name in ('envlog.0', 'kept.log')]"
    )
    fake_run(monkeypatch, script)
    train(recipe)
    assert sorted(path.name for path in logs.iterdir()) == ["kept.log", "train.log"]


def test_what_a_killed_start_left_is_ended(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_run(monkeypatch, "pass")
    train(recipe)
    record = read_run(tmp_path / "run")
    assert record
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(sleep, env={**os.environ, MARK: record.mark}, start_new_session=True)
    try:
        deadline = time.monotonic() + HANG_SECONDS
        while not marked(record.mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        monkeypatch.setattr("train.launch.processes.is_training", lambda process: process == os.getpid())
        with pytest.raises(UserError, match=f"is being trained by process {os.getpid()}"):
            end_earlier_start(tmp_path / "run")  # the start that began it lives: it is this test
        monkeypatch.setattr("train.launch.processes.is_training", lambda process: False)
        train(recipe)
        assert "ending 1 processes that a killed start has left" in caplog.text
        assert left.wait(timeout=HANG_SECONDS) != 0
    finally:
        left.kill()
        left.wait()


def test_a_launch_is_told_from_another_program_of_its_number() -> None:
    for word, expected in (("train", True), ("infer", False)):
        with subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()", word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()  # a process that only just starts has no words yet
            assert is_training(process.pid) is expected
    assert not is_training(process.pid)


def test_missing_program_is_the_users_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UserError, match="make setup"):
        command({"model_name_or_path": "a/b"}, tmp_path, has_gpu=True)
