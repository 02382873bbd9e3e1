"""`python -m infer` with a model in several CPU processes: the collectives for that are for GPUs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from grounding.errors import run_command
from infer.__main__ import main
from train.inside.patches.paddleformers_1_2.gloo.use_gloo_collectives import use_gloo_collectives

use_gloo_collectives()
sys.exit(run_command(main))
