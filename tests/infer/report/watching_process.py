"""`python watching_process.py DATASET CAMERA OUTPUT CHECKPOINT LOG RULES IDLE`: watch, and log questions."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from infer.recipe import InferRecipe
from infer.report.folder_inspection import report_on_folder
from infer.report.report_settings import ReportSettings
from tests.infer.report.drawn_defects import SeeingEngine

if __name__ == "__main__":
    dataset, camera, output, checkpoint, log, rules, idle = sys.argv[1:]
    recipe = InferRecipe(
        checkpoint=checkpoint, dataset=dataset, output_dir=output, batch_size=1, score="min_prob"
    )
    settings = ReportSettings(
        rules=rules, output_dir=output, watch=True, settle_seconds=0.3, idle_seconds=float(idle)
    )
    engine = SeeingEngine(Path(log), delay=0.3)
    report_on_folder(Path(camera), settings, recipe, lambda _: engine, lambda line: print(line, flush=True))
