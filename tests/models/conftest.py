"""The data set and the random tiny models of the tests of infer."""

from tests.infer.conftest import any_checkpoint, dataset, tiny_checkpoint, tiny_mixture

__all__ = ["any_checkpoint", "dataset", "tiny_checkpoint", "tiny_mixture"]
