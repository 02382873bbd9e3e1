"""Let a run of one process resume from a checkpoint.

Upstream: loading a checkpoint asks fleet for its groups (paddleformers/trainer/trainer.py, line 1146), and a
    run of one process has never initialised fleet: "'Fleet' object has no attribute '_hcg'".
Patch: initialise fleet with all degrees 1.
Remove: when PaddleFormers resumes a run of one process.
"""


def initialise_fleet_for_resume() -> str:
    """Initialise fleet for one process."""
    from paddle.distributed import fleet

    strategy = fleet.DistributedStrategy()
    strategy.hybrid_configs = {"dp_degree": 1, "mp_degree": 1, "pp_degree": 1, "sharding_degree": 1}
    fleet.init(is_collective=True, strategy=strategy)
    return "initialise_fleet_for_resume"
