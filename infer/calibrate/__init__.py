"""`python -m infer.calibrate`: fit scores of boxes to how often such boxes are right."""
