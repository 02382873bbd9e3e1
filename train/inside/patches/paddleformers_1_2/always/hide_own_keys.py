"""Let recipes have keys of this project.

Upstream: PdArgumentParser.parse_dict (paddleformers/trainer/argparser.py, line 402) refuses unknown keys.
Patch: leave out the keys that begin with `grounding_` before PaddleFormers reads the recipe.
Remove: when PaddleFormers passes unknown keys on to the plug-in.
"""

from typing import Any

from train.keys import OWN_PREFIX


def hide_own_keys() -> str:
    """Parse a recipe without our own keys."""
    from paddleformers.trainer import PdArgumentParser

    parse = PdArgumentParser.parse_dict

    def parse_dict(self: Any, args: dict[str, Any], *rest: Any, **options: Any) -> Any:
        known = {name: value for name, value in args.items() if not name.startswith(OWN_PREFIX)}
        return parse(self, known, *rest, **options)

    PdArgumentParser.parse_dict = parse_dict
    return "hide_own_keys"
