"""Texts without secrets and without names of people and machines, for a report that strangers will read."""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from train.child_environment import SECRET, USER_IN_URL
from train.gpu_check.training_words import ROOT

LEAST_CHARACTERS = 4
"""Shorter values of variables and shorter names are no secrets: they occur in other words."""

TOKENS = re.compile(r"\b(?:hf_|sk-|ghp_|ms-)[\w-]{8,}|(?i:\bbearer\s+)[\w.~+/-]+=*")
ASSIGNED = re.compile(
    r"(?i)(\b\w*(?:token|secret|password|passwd|api_?key)\w*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
)
USER_OF_URL = re.compile(r"(://)[^/\s@]*@")
HOMES = re.compile(r"(?:/home|/Users|/data/home)/[^/\s:'\"]+|/root(?=[/\s:'\"]|$)")
ADDRESS = re.compile(r"\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}(?=[:/\s,)\]]|$)")
EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.]+")


def without_names(text: str, variables: Mapping[str, str] | None = None) -> str:
    """Return a text without secrets, users, homes and host names; `variables` are the environment's."""
    for name, stand_in in _names(os.environ if variables is None else variables):
        text = text.replace(name, stand_in)
    text = TOKENS.sub("SECRET", USER_OF_URL.sub(r"\1", text))
    text = ASSIGNED.sub(r"\1SECRET", text)
    return EMAIL.sub("ADDRESS", ADDRESS.sub("ADDRESS", HOMES.sub("~", text)))


def _names(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is replaced literally, secrets first, and what by."""
    for name, value in variables.items():
        if len(value) >= LEAST_CHARACTERS and (SECRET.search(name) or USER_IN_URL.search(value)):
            yield value, "SECRET"
    yield str(ROOT), "."
    if (home := str(Path.home())) not in ("/", "/root"):
        yield home, "~"
    for host in {socket.gethostname(), socket.getfqdn(), variables.get("HOSTNAME", "")}:
        if len(host) >= LEAST_CHARACTERS and host != "localhost":
            yield host, "HOST"
