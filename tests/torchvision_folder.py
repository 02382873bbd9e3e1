"""torchvision for scripts of the Python in .venv-torch: `make setup-torch` puts it beside the packages."""

import importlib.util
import sys
from pathlib import Path

OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""The compiled operators that its import needs, whether they can be loaded or not."""


def find_torchvision() -> bool:
    """Let torchvision be imported, before transformers is; tell whether it is there.

    A build for torch with CUDA cannot load its compiled operators beside a torch without. Its resizing and
    its losses of boxes are Python and need none, but its import wants to know some: they are declared.
    """
    import torch

    folders = sorted(Path(sys.prefix).glob("torchvision-*[0-9]"))
    sys.path += [str(folder) for folder in folders if str(folder) not in sys.path]
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return False
    try:
        torch.ops.load_library(Path(found.origin).with_name("_C.so"))
    except OSError:
        for name, schema in OPERATORS.items():
            torch.library.define(f"torchvision::{name}", schema)
    return True
