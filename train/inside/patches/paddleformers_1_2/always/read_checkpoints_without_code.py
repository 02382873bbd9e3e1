"""Read a checkpoint's files without running code from them.

Upstream: Trainer (paddleformers/trainer/trainer.py, lines 790, 1221 and 3409), TrainerState.load
    (paddleformers/trainer/trainer_callback.py, line 164) and Paddle's load_state_dict read files with
    paddle.load, which is pickle.load: a checkpoint from somebody else can run any code.
Patch: admit the classes that a checkpoint's states are made of, and refuse everything else by name
    (models/checked_pickles.py). It holds for weights and their indexes in a model's folder, too.
Remove: when paddle.load has a mode like torch.load's weights_only, and PaddleFormers uses it.
"""

from models.checked_pickles import check_pickles


def read_checkpoints_without_code() -> str:
    """Check every pickle that paddle.load reads from now on."""
    check_pickles()
    return "read_checkpoints_without_code"
