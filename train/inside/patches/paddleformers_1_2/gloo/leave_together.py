"""End the processes of a complete run at one time, without closing their connections.

Upstream: the run ends after trainer.save_state() (paddleformers/cli/train/sft/workflow.py, line 768), each
    process in its own time. If one closes its connections while another still has them, gloo aborts the
    other one, and a complete run counts as failed.
Patch: wait for all processes after save_state, then leave each process without taking its connections apart.
Remove: when gloo's connections can be closed by one side.
"""

import atexit
import logging
import os
import sys
from typing import Any


def leave_together() -> str:
    """Wait after the last save, and leave at once when the interpreter ends."""
    import paddle
    from paddleformers.trainer import Trainer

    save_state, is_over = Trainer.save_state, False

    def save_last(self: Any) -> None:  # what PaddleFormers does last, in every process
        nonlocal is_over
        save_state(self)
        paddle.distributed.barrier()
        is_over = True

    def leave() -> None:
        if is_over:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    Trainer.save_state = save_last
    atexit.register(leave)  # what is registered later runs before it, what was registered earlier never runs
    return "leave_together"
