"""Which tests share a process when `make test` runs them in parallel."""

from pathlib import Path

import pytest

DEMO = "demo"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests together that share what is slow to make.

    All tests of one finished `make demo` form a group, so that it runs once. The other tests are grouped by
    file, as fixtures of a module are made once in each process; a test or file with a group of its own keeps it.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            uses_demo = DEMO in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group(DEMO if uses_demo else name_file(item)))


def name_file(item: pytest.Item) -> str:
    """Return a name for the file of a test."""
    return item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
