"""The end of a process that was forked: it goes no further in what its parent would do next."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def run_and_end(run: Callable[[], int | None]) -> NoReturn:
    """Run the work of a fork, and end it with the exit code that is returned or raised (None is 0)."""
    code = 1
    try:
        code = run() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (whatever ends the fork belongs into its log)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
