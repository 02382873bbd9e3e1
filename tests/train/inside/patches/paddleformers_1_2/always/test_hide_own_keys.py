import pytest

from train.inside.patches.paddleformers_1_2.always.hide_own_keys import hide_own_keys


def test_our_own_keys_do_not_reach_paddleformers(monkeypatch: pytest.MonkeyPatch) -> None:
    from paddleformers.trainer import PdArgumentParser

    monkeypatch.setattr(PdArgumentParser, "parse_dict", lambda self, args, **options: (args, options))
    hide_own_keys()
    given = {"seed": 1, "grounding_eval_samples": 4}
    parsed = PdArgumentParser.parse_dict(None, given, return_unknown_ars=True)
    assert parsed == ({"seed": 1}, {"return_unknown_ars": True})
    assert given["grounding_eval_samples"] == 4
