"""The patches for speed change no result: with and without them, the same loss and the same gradients."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.inside.patches.needed import CPU_SPEED
from train.inside.patches.paddleformers_1_2.cpu_speed.attend_in_groups import attend_in_groups
from train.inside.patches.paddleformers_1_2.cpu_speed.attend_to_each_image_alone import image_runs
from train.inside.patches.paddleformers_1_2.cpu_speed.remember_patch_positions import corner_tables


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo at the end of a test what the patches change."""
    from paddleformers.nn.attention import AttentionInterface
    from paddleformers.nn.norm import RMSNorm
    from paddleformers.transformers.qwen3_vl import modeling

    vision = modeling.Qwen3VLVisionModel
    monkeypatch.setitem(
        AttentionInterface._global_mapping, "eager", AttentionInterface._global_mapping["eager"]
    )
    monkeypatch.setattr(RMSNorm, "forward", RMSNorm.forward)
    name = "apply_multimodal_rotary_pos_emb"
    monkeypatch.setattr(modeling, name, getattr(modeling, name))
    embed = modeling.Qwen3VLVisionPatchEmbed
    monkeypatch.setattr(embed, "forward", embed.forward)
    monkeypatch.setattr(vision, "rot_pos_emb", vision.rot_pos_emb)
    monkeypatch.setattr(vision, "fast_pos_embed_interpolate", vision.fast_pos_embed_interpolate)


def loss_and_gradients(model: Any, inputs: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    output = model(**inputs, labels=inputs["input_ids"])
    output.loss.backward()
    gradients = {
        name: value.grad.numpy().copy() for name, value in model.named_parameters() if value.grad is not None
    }
    model.clear_gradients()
    return float(output.loss), gradients


@pytest.mark.parametrize(
    "patch",
    CPU_SPEED,
    ids=lambda patch: patch.__name__,
)
@pytest.mark.parametrize("frozen", ["nothing", "norm", "embed_tokens"])
@pytest.mark.usefixtures("libraries")
def test_a_patch_changes_no_result(
    patch: Any, frozen: str, tiny_model: Path, load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    import paddle

    image, start, end = vision_tokens
    grids = [[1, 8, 8], [1, 8, 8], [1, 4, 6]]
    rows = [[5, start, *[image] * 16, end, 6, 7], [8, start, *[image] * 16, end, 9, 3]]
    rows.append([8, start, *[image] * 6, end, *range(20, 32)])
    paddle.seed(1)
    inputs = {
        "input_ids": paddle.to_tensor(rows),
        "pixel_values": paddle.randn([64 + 64 + 24, 384]),
        "image_grid_thw": paddle.to_tensor(grids),
    }
    model = load_model(tiny_model)
    for name, parameter in model.named_parameters():
        parameter.stop_gradient = frozen in name
    loss, gradients = loss_and_gradients(model, inputs)
    patch()
    patched_loss, patched = loss_and_gradients(model, inputs)
    assert patched_loss == pytest.approx(loss, rel=1e-6)
    assert patched.keys() == gradients.keys()
    assert len(gradients) > 20
    for name, gradient in gradients.items():
        np.testing.assert_allclose(patched[name], gradient, atol=2e-6, err_msg=name)


def test_runs_join_neighbours_of_one_size() -> None:
    assert image_runs([4] * 4 + [8] * 4 + [10] * 2 + [14] * 4) == [(4, 2), (2, 1), (4, 1)]


@pytest.mark.parametrize("grid", [(1, 2, 2), (1, 6, 10), (2, 8, 4)])
def test_corners_shares_sum_to_one(grid: tuple[int, int, int]) -> None:
    positions, shares = corner_tables(grid, 8, 2)
    assert positions.shape == shares.shape == (4, grid[0] * grid[1] * grid[2])
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-6)
    assert positions.min() == 0
    assert positions.max() == 63


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.usefixtures("libraries")
def test_grouped_attention_sees_what_the_mask_shows(
    is_sparse: bool, tiny_model: Path, load_model: Any
) -> None:
    import paddle
    from paddleformers.nn.attention import AttentionInterface
    from paddleformers.transformers.qwen3_vl.modeling import Qwen3VLTextAttention

    model = load_model(tiny_model)
    layer = next(part for part in model.sublayers() if isinstance(part, Qwen3VLTextAttention))
    paddle.seed(2)
    query = paddle.randn([2, layer.num_heads, 7, layer.head_dim])
    key, value = (paddle.randn([2, layer.num_key_value_heads, 7, layer.head_dim]) for _ in range(2))
    hidden = paddle.triu(paddle.full([7, 7], -1e9), diagonal=1).expand([2, 1, 7, 7]).clone()
    hidden[0, :, :, :2] = -1e9  # padding on the left of the first
    # Two sequences packed into one: from the row of its end on, a key is hidden.
    ends = paddle.to_tensor([[3, 3, 3, 7, 7, 7, 7], [5, 5, 5, 5, 5, 7, 7]], dtype="int32").reshape(
        [2, 1, 7, 1]
    )
    masks = {"attn_mask_startend_row_indices": ends} if is_sparse else {"attention_mask": hidden}
    outputs = []
    for patch in (lambda: None, attend_in_groups):
        patch()
        attend = AttentionInterface._global_mapping["eager"]
        outputs.append(
            attend(layer, query, key, value, scaling=layer.scaling, dropout=0.0, **masks)[0].numpy()
        )
    assert attend.__name__ == "attend_by_group"
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-6)
