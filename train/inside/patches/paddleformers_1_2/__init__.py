"""Patches of PaddleFormers 1.2: one file a patch."""
