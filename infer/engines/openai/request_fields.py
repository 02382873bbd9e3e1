"""The fields of a chat request that say how to answer, and what to do where a server refuses them."""

from typing import Any

from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings


def fields_of(settings: EngineSettings, request: Request) -> dict[str, Any]:
    """Return the fields that say how to answer; each draw of a sampled answer has its own seed."""
    most = min(settings.max_new_tokens, request.max_tokens or settings.max_new_tokens)
    temperature = settings.temperature if request.temperature is None else request.temperature
    fields: dict[str, Any] = {"max_tokens": most, "temperature": temperature}
    if temperature > 0:
        fields |= {"top_p": settings.top_p, "seed": settings.seed + request.draw}
    if wants_tokens(settings, request):
        fields |= {"logprobs": True}
    if request.alternatives:
        fields |= {"top_logprobs": request.alternatives}
    return fields


def wants_tokens(settings: EngineSettings, request: Request) -> bool:
    """Tell whether the answer has to come with its tokens."""
    return settings.with_tokens or request.alternatives > 0


def wanted_alternatives(settings: EngineSettings, request: Request) -> int:
    """Return how many alternatives a token comes with: `request` of the settings can name fewer."""
    named = settings.request.get("top_logprobs")
    return min(request.alternatives, named) if isinstance(named, int) else request.alternatives


def refused_probabilities(settings: EngineSettings, request: Request) -> str:
    """Return what to do where a server gives fewer probabilities than the score needs, or none."""
    if not (wanted := wanted_alternatives(settings, request)):
        return "it gives no probabilities: set score=none, or turn them on"
    return (
        f"it gives fewer than {wanted} alternatives a token: raise its limit (vLLM: --max-logprobs "
        f"{wanted}), ask for fewer (request.top_logprobs=5), or set another score"
    )


def fewer_alternatives(settings: EngineSettings, request: Request, answer: RawAnswer) -> str | None:
    """Say that a server gives fewer alternatives than it was asked for, None where it does not."""
    most = max((len(token.alternatives) for token in answer.tokens), default=0)
    if not 0 < most < wanted_alternatives(settings, request):
        return None
    wanted = wanted_alternatives(settings, request)
    return f"gives {most} alternatives a token, not {wanted}: calibrated scores differ from other engines'"
