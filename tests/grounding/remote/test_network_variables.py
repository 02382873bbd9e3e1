"""Proxies and files of certificates, as the environment names them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.remote.network_variables import PROXY_VARIABLES, check_proxies
from infer.engines.openai.client import OpenAIEngine
from infer.engines.settings import EngineSettings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES.values(), "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    "address", ["http://proxy:3128", "proxy:3128", "https://u:p@[::1]:80", "socks5h://a"]
)
def test_addresses_of_proxies_pass(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("all_proxy", address)
    check_proxies()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:x", "a..b", "", " ", "[::1", "x:0"]
)
def test_what_is_no_proxy_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.setenv(variable, f"http://user:planted@{host}")
    with pytest.raises(UserError, match=rf"^{variable} \(or {variable.lower()}\): no address") as caught:
        check_proxies()
    assert "planted" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "localhost, *")
    check_proxies()


def garbled(folder: Path) -> Path:
    file = folder / "certificates.pem"
    file.write_text("none")
    return file


@pytest.mark.parametrize(
    "place",
    [garbled, lambda folder: folder, lambda folder: folder / "none"],
    ids=["garbled", "folder", "none"],
)
def test_certificates_that_cannot_be_loaded_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(place(tmp_path)))
    with pytest.raises(UserError, match=r"^SSL_CERT_FILE: the file for encrypted connections cannot be used"):
        OpenAIEngine(EngineSettings(engine="openai", base_url="https://server.invalid/v1", model="tiny"))
