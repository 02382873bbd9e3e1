"""Patches of learning from pairs of answers, stage VL-DPO."""
