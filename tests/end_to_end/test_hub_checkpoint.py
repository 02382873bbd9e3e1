"""The score before training, of a model on a hub: `python -m infer RECIPE checkpoint=OWNER/NAME`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infer.conftest import write_dataset, write_model
from tests.prepare.sources.shared.hub_server import Hub, serving

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_model_on_a_hub_answers_as_its_folder_does(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", "seed=1")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    recipe = tmp_path / "infer.yaml"
    recipe.write_text(
        f"checkpoint: {folder}\ndataset: {write_dataset(tmp_path / 'data').path}\n"
        f"output_dir: {tmp_path / 'local'}\nmax_new_tokens: 8\nlimit: 2\ndevice: cpu\n"
    )
    with serving(Hub(files, kind="models")) as hub:
        variables = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": "1",
            "no_proxy": "127.0.0.1",
            "NO_PROXY": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
        }

        def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env={**variables, **more},
                capture_output=True,
                text=True,
                check=False,
            )

        local = run("infer", str(recipe))
        assert local.returncode == 0, local.stderr
        assert hub.requests == []
        words = ["infer", str(recipe), "checkpoint=me/tiny", f"output_dir={tmp_path / 'hub'}"]
        done = run(*words)
        assert done.returncode == 0, done.stderr
        assert "me/tiny: no such folder here, it is looked up on huggingface" in done.stderr
        assert done.stdout == local.stdout.replace("/local/", "/hub/")  # the table of scores
        rows = [(tmp_path / name / "predictions.jsonl").read_bytes() for name in ("local", "hub")]
        assert rows[0] == rows[1]
        assert (tmp_path / "hub" / "infer.yaml").read_text().count("checkpoint: me/tiny") == 1

        plan = [
            "train.plan",
            str(ROOT / "recipes" / "train" / "tiny_full.yaml"),
            "model_name_or_path=me/tiny",
        ]
        planned = run(*plan, HF_HOME=str(tmp_path / "empty"))
        assert planned.returncode == 0, planned.stderr
        assert not list((tmp_path / "empty").rglob("*.safetensors"))  # the shapes are enough

    lost = run(*words[:2], "checkpoint=me/other", f"output_dir={tmp_path / 'lost'}")
    assert lost.returncode == 2
    assert "error: me/other: no such folder, and it cannot be fetched from huggingface" in lost.stderr
    assert not (tmp_path / "lost").exists()
