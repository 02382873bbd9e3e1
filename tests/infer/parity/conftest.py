"""The Python that has torch, for the tests that compare with transformers."""

from tests.train.export.conftest import torch_forks, torch_python

__all__ = ["torch_forks", "torch_python"]
