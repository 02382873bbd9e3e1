"""Connections within their limits, and the files that they need."""

import resource

import pytest

from grounding.errors import UserError
from infer.serve import connections
from tests.infer.serve.running_server import head, read_response, running


def test_a_connection_that_is_kept_alive_asks_again() -> None:
    with running() as server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(head(server.port, path="/health", length=0))
            assert read_response(connection)[0] == 200


def test_the_limit_of_open_files_is_raised_or_the_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = [(100, 2000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    connections.make_room_for_files(512, 264)
    connections.make_room_for_files(100, 100)
    assert limits == [(100, 2000), (904, 2000)]
    with pytest.raises(UserError, match="2392 open files are needed and 2000 allowed"):
        connections.make_room_for_files(2000, 264)
