"""The Python that has torch, for losses of an independent implementation."""

from tests.train.export.conftest import torch_python

__all__ = ["torch_python"]
