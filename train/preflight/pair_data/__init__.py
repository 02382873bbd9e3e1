"""The check of pairs of answers, the data of the stage VL-DPO."""
