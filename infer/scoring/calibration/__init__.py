"""Calibration: does a box's score tell how often such boxes are right?"""
