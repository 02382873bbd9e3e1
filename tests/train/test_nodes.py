"""The environment variables that name the nodes of a job."""

import pytest

from grounding.errors import UserError
from tests.train.node_environment import be_node
from train.nodes import VARIABLES, Node, this_node


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_nnodes_the_job_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_node() == Node(1, 0, None)
    be_node(monkeypatch, NNODES="1")
    assert this_node() == Node(1, 0, None)


def test_a_node_is_named_by_four_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    be_node(monkeypatch)
    assert this_node() == Node(2, 1, "10.0.0.1:6170")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RANK": ""}, "RANK must be set"),
        ({"MASTER_ADDR": "", "MASTER_PORT": ""}, "MASTER_ADDR, MASTER_PORT must be set"),
        ({"RANK": "2"}, r"RANK=2: must lie in 0\.\.1"),
        ({"NNODES": "2:4"}, "NNODES=2:4: must be a number"),
        ({"NNODES": "0"}, "NNODES=0: must be a number"),
        ({"MASTER_PORT": "x"}, "MASTER_PORT=x: must be a number"),
    ],
)
def test_nodes_that_could_not_meet_are_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], message: str
) -> None:
    be_node(monkeypatch, **changes)
    with pytest.raises(UserError, match=message):
        this_node()
