from collections.abc import Callable
from pathlib import Path

import pytest

from prepare.write import drawn_files


@pytest.fixture
def interrupt_at_the_fifth_picture() -> Callable[[Callable[[], object]], None]:
    """Do something that draws pictures, and interrupt it when the fifth one has been written."""

    def run(action: Callable[[], object]) -> None:
        written, write = [], drawn_files.write_image

        def stop_at_the_fifth(data: bytes, path: Path) -> None:
            if len(written) == 5:
                raise KeyboardInterrupt
            written.append(path)
            write(data, path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawn_files, "write_image", stop_at_the_fifth)
            with pytest.raises(KeyboardInterrupt):
                action()

    return run
