"""A box head that learns while the model does, from boxes of the answers that were made wrong."""
