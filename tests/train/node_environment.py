"""The environment of a node of a job, for tests."""

import pytest


def be_node(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    """Set the four variables of the second of two nodes, with these changes."""
    given = {"NNODES": "2", "RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "6170", **changes}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
