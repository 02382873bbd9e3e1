from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from train.export.adapter_merge import FLEET_EXPERTS
from train.gpu_check.evidence.adapter_factors import read_factors
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

LAYER = "model.language_model.layers.0.mlp."


@pytest.mark.parametrize("names", [tuple(FLEET_EXPERTS), tuple(FLEET_EXPERTS.values())])
def test_experts_are_found_by_the_names_of_both_kinds_of_classes(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    write_tiny_model(tmp_path / "base", TinySettings(experts=4))
    factors = {f"{LAYER}{name}_lora_{half}": np.zeros(1, np.float32) for name in names for half in "AB"}
    save_file(factors, tmp_path / "peft_model-00001-of-00001.safetensors")
    found = read_factors(tmp_path, tmp_path / "base", all_of_recipe=False)
    assert found.problems == ()
    assert set(found.weights) == {f"{LAYER}experts.gate_up_proj", f"{LAYER}experts.down_proj"}
    assert found.experts == 2
