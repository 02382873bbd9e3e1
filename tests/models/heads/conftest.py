"""The Python that has torch, for the tests of SAM 2."""

from tests.train.export.conftest import torch_python

__all__ = ["torch_python"]
