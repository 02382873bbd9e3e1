"""What Gradio remembers of sessions, and which functions can be called."""

from collections import deque
from types import SimpleNamespace

from visualize.app.access import calls
from visualize.app.access.calls import LONGEST_SESSION, UNREAD_MESSAGES, find_bad_call, forget_sessions


def make_page(**queue):
    kept = {"pending_messages_per_session": {}, "pending_event_ids_session": {}, "event_ids_to_events": {}}
    text = SimpleNamespace(skip_api=False, get_block_name=lambda: "textbox")
    functions = {1: SimpleNamespace(api_name="ask", fn=print, inputs=[text])}
    return SimpleNamespace(fns=functions, _queue=SimpleNamespace(**{**kept, **queue}))


def test_events_of_sessions_without_messages_are_forgotten_once_there_are_many(monkeypatch):
    monkeypatch.setattr(calls, "SESSIONS_REMEMBERED", 3)
    events = {name: {f"{name}1"} for name in "abc"}
    page = make_page(pending_event_ids_session=events, pending_messages_per_session={"b": None})
    forget_sessions(page)
    assert set(events) == {"a", "b", "c"}
    events["d"] = {"d1"}
    forget_sessions(page)
    assert set(events) == {"b"}


def test_a_session_has_a_short_name_and_fetches_its_answers():
    asked = {"fn_index": 1, "data": ["x"]}
    messages = deque()
    page = make_page(
        pending_messages_per_session={"s": SimpleNamespace(qsize=lambda: len(messages))},
    )
    assert find_bad_call(calls.JOIN, {**asked, "session_hash": "a" * LONGEST_SESSION}, page) is None
    assert (
        find_bad_call(calls.JOIN, {**asked, "session_hash": "a" * (LONGEST_SESSION + 1)}, page).status == 400
    )
    messages.extend(range(UNREAD_MESSAGES))
    assert find_bad_call(calls.JOIN, {**asked, "session_hash": "s"}, page) is None
    messages.append("one more")
    assert find_bad_call(calls.JOIN, {**asked, "session_hash": "s"}, page).status == 429


def test_a_function_is_called_by_its_number_or_its_name():
    page = make_page()
    for path, content in (
        (calls.JOIN, {"fn_index": 1, "session_hash": "s"}),
        ("/gradio_api/run/predict", {"fn_index": 1}),
        ("/gradio_api/run/ask", {}),
        ("/gradio_api/call/ask", {}),
    ):
        assert find_bad_call(path, {**content, "data": ["x"]}, page) is None
        assert find_bad_call(path, {**content, "data": []}, page).status == 400
    assert find_bad_call("/gradio_api/call/other", {"data": ["x"]}, page).status == 404
