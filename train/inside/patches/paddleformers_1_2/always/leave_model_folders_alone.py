"""Write nothing into the folder of the model that a run starts from.

Upstream: PretrainedModel.from_pretrained (paddleformers/transformers/model_utils.py, lines 2912 and 2931)
    deletes an index of the weights in the model's folder, and Paddle's load_state_dict writes it there again.
    Two runs that start from one model at a time read each other's half-written index: "EOFError: Ran out of
    input". A lock that a killed run has left lets all later runs fail, and a read-only folder cannot hold the
    index.
Patch: load from a temporary folder with links to the model's files, as inference does.
Remove: when the index stays in memory.
"""

from pathlib import Path
from typing import Any

from models.libraries import linked


def leave_model_folders_alone() -> str:
    """Load weights without an index in their folder from now on."""
    from paddleformers.transformers import model_utils

    model_utils.dist = _Linking(model_utils.dist)
    return "leave_model_folders_alone"


class _Linking:
    """paddle.distributed as `model_utils` sees it."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def load_state_dict(self, state: Any, path: str, **options: Any) -> None:
        with linked(Path(path)) as links:
            self._module.load_state_dict(state, path=links, **options)
