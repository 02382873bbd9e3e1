import os
import subprocess
import sys
from pathlib import Path

import pytest

from grounding.errors import UserError
from visualize.app.__main__ import main
from visualize.app.page_settings import AppSettings, read_settings

ROOT = Path(__file__).parents[3]


def test_keys_of_page_and_engine_are_told_apart():
    settings, engine = read_settings(Path("out/full"), ["port=8000", "device=cpu", "dataset=data/x"])
    assert (settings.port, settings.dataset) == (8000, "data/x")
    assert (engine.device, engine.checkpoint) == ("cpu", "out/full")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("prot=1", "unknown key 'prot', did you mean 'port'?"),
        ("devise=cpu", "did you mean 'device'?"),
        ("split=val", "unknown key 'split'"),
        ("port=0", "port: 0"),
        ("concurrent=0", "concurrent: 0"),
        ("max_megabytes=-1", "max_megabytes: -1"),
        ("visitor_megabytes=0", "visitor_megabytes: 0"),
        ("device=tpu", "device: 'tpu'"),
        ("most_talks=0", "most_talks: 0"),
        ("masks=sam2", "masks: 'sam2' is neither grabcut nor an address"),
    ],
)
def test_bad_settings_are_refused(word, message):
    with pytest.raises(UserError) as caught:
        read_settings(Path("x"), [word])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("host", "is_open"),
    [
        *((host, False) for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9")),
        *((host, True) for host in ("0.0.0.0", "::", "192.168.1.7", "example.org")),
    ],
)
def test_only_this_machines_own_addresses_are_closed(host, is_open):
    assert AppSettings(host=host).is_open_to_others is is_open


@pytest.mark.parametrize("word", ["host=::1", "host=[::1]"])
def test_an_ipv6_address_can_be_typed(word):
    assert read_settings(Path("model"), [word])[0].host == "::1"


def test_allowed_hosts_are_names_in_any_case():
    assert read_settings(Path("x"), [])[0].host_names == frozenset()
    given = read_settings(Path("x"), ["allowed_hosts=[Example.org,app.local]"])[0]
    assert given.host_names == {"example.org", "app.local"}


def test_an_open_page_without_a_password_does_not_start():
    environment = {key: value for key, value in os.environ.items() if key != "APP_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "visualize.app", "nowhere", "host=0.0.0.0"],
        cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: host=0.0.0.0 opens the page to other machines")
    assert "APP_PASSWORD" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_password_is_no_setting():
    with pytest.raises(UserError, match="unknown key 'password'"):
        read_settings(Path("x"), ["password=correct horse"])


@pytest.mark.parametrize("folder", ["runs/a: b", "runs/{x}, 'y'", 'runs/"z" # 1', "runs/紅😀", "1e3", "null"])
def test_the_checkpoints_name_is_taken_as_it_stands(folder):
    assert read_settings(Path(folder), [])[1].checkpoint == folder


def test_a_server_needs_no_checkpoint():
    words = ["engine=openai", "base_url=http://localhost:8000/v1", "model=m", "request.top_k=5"]
    _, engine = read_settings(None, words)
    assert (engine.checkpoint, engine.model, engine.request) == (None, "m", {"top_k": 5})


def test_keys_without_a_meaning_here_are_not_offered(capsys):
    for word in ("batch_size=2", "tensor_parallel=2", "checkpoint=x"):
        with pytest.raises(UserError, match=f"unknown key '{word.partition('=')[0]}'"):
            read_settings(Path("x"), [word])
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "max_new_tokens=2048" in shown
    assert "batch_size" not in shown


def test_a_missing_checkpoint_is_said_before_anything_is_loaded(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint folder"):
        main([str(tmp_path / "none")])


def test_a_checkpoint_that_was_not_given_is_asked_for():
    with pytest.raises(UserError, match="checkpoint must be set"):
        main(["device=cpu"])


@pytest.mark.parametrize("number", [0, 9])
def test_the_number_of_pictures_in_a_question_is_bounded(number):
    with pytest.raises(ValueError, match=f"max_pictures: {number} is not 1 to 8"):
        AppSettings(max_pictures=number)
