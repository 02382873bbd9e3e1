from pathlib import Path

import pytest

from train.gpu_check.reporting.anonymous import without_names
from train.gpu_check.training_words import ROOT

VARIABLES = {
    "HF_TOKEN": "verysecretvalue",
    "MY_API_KEY": "k-12345678",
    "https_proxy": "http://anna:proxypass@proxy.example:8080",
    "LANG": "C.UTF-8",
    "HOSTNAME": "gpu-node-17",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the token is verysecretvalue.", "the token is SECRET."),
        ("key k-12345678, C.UTF-8", "key SECRET, C.UTF-8"),
        ("via http://anna:proxypass@proxy.example:8080", "via SECRET"),
        ("git clone https://bob:pw@example.org/x", "git clone https://example.org/x"),
        ("hf_abcDEF0123456789 failed", "SECRET failed"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: SECRET"),
        ("api_key=abcdef, token: 'xyz1'", "api_key=SECRET, token: 'SECRET'"),
        ("on gpu-node-17: /home/anna/models/x.json", "on HOST: ~/models/x.json"),
        ("/Users/bob/x and /root/.cache/y", "~/x and ~/.cache/y"),
        ("bind 10.1.2.3:8080 and 127.0.0.1:80", "bind ADDRESS:8080 and 127.0.0.1:80"),
        ("mail anna@example.org", "mail ADDRESS"),
        ("loss: 6.2331, paddle 3.3.1, 550.54.15", "loss: 6.2331, paddle 3.3.1, 550.54.15"),
    ],
)
def test_nothing_names_a_person_or_a_machine(text: str, expected: str) -> None:
    assert without_names(text, VARIABLES) == expected


def test_the_project_and_the_home_have_short_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/srv/people/carol"))
    assert without_names(f"{ROOT}/train/x.py /srv/people/carol/m", {}) == "./train/x.py ~/m"
