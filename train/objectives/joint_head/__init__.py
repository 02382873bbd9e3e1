"""A box head that learns while the model does, from boxes of the answers that were made wrong.

    L = cross entropy + weight x (mean over matched boxes of 5 x L1 + 2 x (1 - GIoU)
                                  + mean over all boxes of the cross entropy of the match)

L1 and GIoU are those of `models/heads/box_losses.py`. A box matches an object of its answer from an IoU of
0.5 on, with the right label. Sources of the wrong boxes are in `spoiled_boxes.py`.
"""
