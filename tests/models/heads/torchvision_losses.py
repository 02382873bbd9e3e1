"""GIoU and L1 of torch and torchvision, run by the Python of .venv-torch: BOXES.npz OUT.npz.

BOXES has `boxes` and `wanted`, (boxes, 4). OUT gets `giou`, `l1`, and the gradients of both.
"""

import sys

import numpy as np

from tests.torchvision_folder import find_torchvision


def main(given: str, out: str) -> None:
    """Compute the losses."""
    if not find_torchvision():
        return
    import torch
    from torchvision.ops import generalized_box_iou, generalized_box_iou_loss

    with np.load(given) as arrays:
        boxes, wanted = (torch.tensor(arrays[name]) for name in ("boxes", "wanted"))
    boxes.requires_grad_()
    loss = generalized_box_iou_loss(boxes, wanted, eps=0.0)
    (giou_slope,) = torch.autograd.grad(loss.sum(), boxes)
    l1 = torch.nn.functional.l1_loss(boxes, wanted, reduction="none").sum(-1)
    (l1_slope,) = torch.autograd.grad(l1.sum(), boxes)
    arrays = {
        "giou": torch.diagonal(generalized_box_iou(boxes, wanted)),
        "giou_loss": loss,
        "giou_slope": giou_slope,
        "l1": l1,
        "l1_slope": l1_slope,
    }
    np.savez(out, **{name: value.detach().numpy() for name, value in arrays.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
