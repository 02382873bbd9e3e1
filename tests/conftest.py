"""Which tests share a process when `make test` runs them in parallel."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

DEMO = "demo"

# The same examples in every run, and no limit on their time: a busy machine changes no result.
# To look for others: pytest --hypothesis-profile=default
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Let each of the parallel processes compute with one thread: several would wait for one another."""
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep tests together that share what is slow to make.

    All tests of one finished `make demo` form a group, so that it runs once. The other tests are grouped by
    file, as each process makes the fixtures of a module anew. A test that is marked with a group keeps it.
    """
    if item.get_closest_marker("xdist_group") is None:
        uses_demo = DEMO in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group(DEMO if uses_demo else name_file(item)))


def name_file(item: pytest.Item) -> str:
    """Return a name for the file of a test."""
    return item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()


@pytest.hookimpl(trylast=True)  # after pytest-xdist
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Write each test's group behind its id, from where pytest-xdist reads it.

    Upstream: pytest-xdist 3.8.0 writes it into `_nodeid`, which pytest 9.2 no longer reads, so that groups do
    nothing (https://github.com/pytest-dev/pytest-xdist/issues/1386). Remove this with a release that groups.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        written = getattr(item, "_nodeid", item.nodeid)
        if item.nodeid != written:
            item._id = type(item._id).parse(written)
