from types import SimpleNamespace

import pytest

from train.inside.patches.paddleformers_1_2.cpu.evaluate_without_workers import evaluate_without_workers


def test_an_evaluation_reads_its_data_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from paddleformers.trainer import Trainer

    monkeypatch.setattr(Trainer, "get_eval_dataloader", lambda self: self.args.dataloader_num_workers)
    evaluate_without_workers()
    trainer = SimpleNamespace(args=SimpleNamespace(dataloader_num_workers=2))
    assert Trainer.get_eval_dataloader(trainer) == 0
    assert trainer.args.dataloader_num_workers == 2
