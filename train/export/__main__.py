"""`python -m train.export RECIPE`: write a finished run as a complete Hugging Face folder, LoRA merged."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.export RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.export",
        description="Write output_dir/export, a complete Hugging Face folder, with an adapter merged in.",
        example="python -m train.export recipes/train/tiny_lora.yaml",
        argv=argv,
    )
    from train.export.folder_writer import export
    from train.recipe import resolve_recipe

    recipe: dict[str, Any] = resolve_recipe(path, overrides)
    if not recipe.get("output_dir"):
        raise UserError(f"{path}: output_dir: is missing")
    export(Path(recipe["output_dir"]), recipe.get("download_hub"))
    return 0


if __name__ == "__main__":
    start_logging()
    sys.exit(run_command(main, resumes=False))
