"""Where paddlefleet is installed, a plain run takes the plain classes all the same, without importing it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.libraries import FLEET_PACKAGES

ROOT = Path(__file__).resolve().parents[3]
RAISES = """
import sys
from pathlib import Path

with Path({record!r}).open("a") as record:
    record.write(f"{{__name__}} imported by {{sys.argv}}\\n")
raise RuntimeError("no CUDA device")
"""


@pytest.fixture
def installed(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """Install packages that do what paddlefleet does on a machine without a GPU; return the variables for it.

    The file holds a line for each import.
    """
    record = tmp_path / "imports.txt"
    for name in FLEET_PACKAGES:
        package = tmp_path / "site" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(RAISES.format(record=str(record)))
    paths = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, record


def run(variables: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_plain_run_does_not_import_paddlefleet(
    installed: tuple[dict[str, str], Path],
    write_recipe: Callable[..., Path],
    prepared_data: Path,
    tmp_path: Path,
) -> None:
    variables, record = installed
    recipe = write_recipe(tmp_path, fine_tuning="LoRA", lora_rank=4, max_steps=2, save_steps=2)
    run(variables, "-m", "train", str(recipe))
    log = (tmp_path / "run" / "logs" / "train.log").read_text(encoding="utf-8")
    assert "use_plain_paddle_classes" in log
    settings = [
        f"checkpoint={tmp_path / 'run'}",
        f"dataset={prepared_data}",
        f"output_dir={tmp_path / 'eval'}",
    ]
    (tmp_path / "infer.yaml").write_text("limit: 1\nmax_new_tokens: 2\nbatch_size: 1\n")
    run(variables, "-m", "infer", str(tmp_path / "infer.yaml"), *settings)
    run(variables, "-m", "train.export", str(recipe))
    assert (tmp_path / "run" / "export" / "config.json").is_file()
    assert not record.exists(), record.read_text()


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "found"])
def test_hiding_is_what_keeps_it_out(installed: tuple[dict[str, str], Path], *, hidden: bool) -> None:
    variables, record = installed
    hide = "from models.libraries import hide_paddlefleet; hide_paddlefleet(); " if hidden else ""
    look = "from paddleformers.utils.import_utils import is_paddlefleet_available as a; print('found', a())"
    assert f"found {not hidden}" in run(variables, "-c", hide + look)
    words = [sys.executable, "-c", hide + "import paddlefleet"]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert ("ModuleNotFoundError" in done.stderr) is hidden
    assert record.exists() is not hidden
