"""Patches of PaddleFormers 1.2.0 and PaddlePaddle 3.3.1: one file for each patch.

A patch is a function with the name of its file. It changes one thing in a library and returns its own name
for the log. The folders say when a patch is needed: always/, on_demand/ (for some jobs), plain_classes/ and
fleet_classes/ (by grounding_backend), cpu/ and cpu_speed/ (without a GPU), gloo/ (several processes without a
GPU). shared/ has the helpers of several patches. train/inside/patches/needed.py picks them, and
train/inside/plugin.py applies them.
"""
