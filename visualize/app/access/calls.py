"""Calls of the page's functions, checked before Gradio sees them: wrong ones cause errors inside Gradio.

A call names a function by number (`queue/join`) or name (`call/NAME`). Its session is any word that the
client made up. Gradio remembers it for long, and keeps the messages to a session until somebody fetches them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

LONGEST_SESSION = 128
"""Characters of a session's name; Gradio's own have 10 to 32."""

UNREAD_MESSAGES = 64
"""Messages that may wait for a session; a question causes about four."""

SESSIONS_REMEMBERED = 4000
"""Sessions whose events are remembered, twice as many as those whose messages Gradio keeps."""

JOIN = "/gradio_api/queue/join"
CALL = re.compile(r"/gradio_api/(run|api|call|call/v2)/([^/]+)/?")
RESULT = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)")
MESSAGES = "/gradio_api/queue/data"


@dataclass(frozen=True)
class BadCall:
    """The answer to a call that is refused."""

    status: int
    sentence: str


def find_bad_call(path: str, content: Any, page: Any) -> BadCall | None:
    """Return what is wrong with the JSON of a POST to the functions of `page`, a `gradio.Blocks`."""
    if not isinstance(content, dict):
        return BadCall(400, "The body is not a JSON object.")
    for key in ("session_hash", "event_id"):
        if (bad := _bad_word(key, content.get(key))) is not None:
            return bad
    if path == JOIN:
        return _bad_join(content, page)
    if (called := CALL.fullmatch(path)) is None:
        return None
    return _bad_call(page, called[1], called[2], content)


def find_bad_stream(path: str, query: Mapping[str, str], page: Any) -> BadCall | None:
    """Return what is wrong with a GET for the messages to a session, or for the result of a call."""
    result = RESULT.fullmatch(path)
    if path != MESSAGES and result is None:
        return None
    queue = page._queue
    session = query.get("session_hash") if result is None else _session_of(queue, result[1])
    if session is None or session not in queue.pending_messages_per_session:
        return BadCall(404, "Nothing was asked in this session.")
    return None


def _bad_word(key: str, value: object) -> BadCall | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_SESSION):
        return None
    return BadCall(400, f"{key} has to be a word of {LONGEST_SESSION} characters at most.")


def _bad_join(content: Mapping[str, Any], page: Any) -> BadCall | None:
    function, session = _numbered_function(page, content.get("fn_index")), content.get("session_hash")
    if function is None:
        return BadCall(400, "fn_index is not the number of a function.")
    if session is None:
        return BadCall(400, "session_hash is missing.")
    waiting = page._queue.pending_messages_per_session.get(session)
    if waiting is not None and waiting.qsize() > UNREAD_MESSAGES:
        return BadCall(429, "Fetch the answers to this session first.")
    return _bad_data(function.inputs, content.get("data"))


def _bad_call(page: Any, way: str, name: str, content: Mapping[str, Any]) -> BadCall | None:
    """Check a call in one of the ways of CALL; `run` and `api` take a number before the name.

    Gradio itself adds the inputs that no program can give, such as the state.
    """
    number = content.get("fn_index") if way in ("run", "api") else None
    functions = (each for each in page.fns.values() if each.api_name == name and each.fn is not None)
    function = next(functions, None) if number is None else _numbered_function(page, number)
    if function is None:
        return BadCall(404, "There is no such function.")
    data = content.get("data")
    if way == "call/v2":
        from gradio_client.utils import construct_args

        named = page.get_api_info()["named_endpoints"].get(f"/{name}")
        if named is None:
            return BadCall(404, "There is no such function.")
        try:
            data = construct_args(named["parameters"], (), dict(content))
        except (TypeError, ValueError) as error:
            return BadCall(400, str(error))
    given = [each for each in function.inputs if not each.skip_api]
    return _bad_data(function.inputs if _has_length(data, function.inputs) else given, data)


def _numbered_function(page: Any, number: object) -> Any:
    """Return the function of a number, None without one that the server runs."""
    function = page.fns.get(number) if type(number) is int else None
    return None if function is None or function.fn is None else function


def _has_length(data: object, inputs: Sequence[Any]) -> bool:
    return isinstance(data, list) and len(data) == len(inputs)


def _bad_data(inputs: Sequence[Any], data: object) -> BadCall | None:
    """Check the number of the values, and each by what its component declares."""
    if not isinstance(data, list) or len(data) != len(inputs):
        return BadCall(400, f"data has to be a list of {len(inputs)}.")
    for each, value in zip(inputs, data, strict=True):
        if not _is_value_of(each, value):
            return BadCall(400, f"data has a value that is no {each.get_block_name()}.")
    return None


def _is_value_of(component: Any, value: object) -> bool:
    """Tell whether a component can take a value: the place of an example, or what its model admits."""
    if component.get_block_name() == "dataset":
        return type(value) is int and 0 <= value < len(component.raw_samples)
    model = getattr(component, "data_model", None)
    if model is None or value is None:
        return True
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


def _session_of(queue: Any, event: str) -> str | None:
    """Return the session of a call, whether it is answered or waits."""
    if (found := queue.event_ids_to_events.get(event)) is not None:
        return str(found.session_hash)
    held = (name for name, events in queue.pending_event_ids_session.items() if event in events)
    return next(held, event)


def forget_sessions(page: Any) -> None:
    """Forget the events of sessions whose messages Gradio has dropped, once there are many.

    Gradio keeps the messages of 2,000 sessions, and the names of events without a limit.
    """
    queue = page._queue
    if len(queue.pending_event_ids_session) > SESSIONS_REMEMBERED:
        for name in set(queue.pending_event_ids_session) - set(queue.pending_messages_per_session):
            del queue.pending_event_ids_session[name]
