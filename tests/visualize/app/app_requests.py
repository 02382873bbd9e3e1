"""What a program can send to the app without gradio_client: uploads, questions and any body."""

import json
import time

import httpx

DEADLINE = 300
"""Seconds after which a request counts as hanging; a busy machine takes long."""

EVERYTHING, PHRASE, REGION = 1, 2, 3
"""Gradio's numbers of the questions."""


def upload(url, content, name="picture.png", **options):
    """Upload a file as a browser does, and return the response."""
    return httpx.post(
        f"{url}gradio_api/upload", files={"files": (name, content)}, timeout=DEADLINE, **options
    )


def join(url, data, session, number=EVERYTHING, **options):
    """Ask one question in a session, and return the response: the answer comes by `answer`."""
    asked = {"data": data, "fn_index": number, "session_hash": session}
    return httpx.post(f"{url}gradio_api/queue/join", json=asked, timeout=DEADLINE, **options)


def answer(url, session):
    """Return the outputs of the question that a session asked, or None if Gradio says that it failed."""
    said = httpx.get(f"{url}gradio_api/queue/data", params={"session_hash": session}, timeout=DEADLINE).text
    messages = [json.loads(line.removeprefix("data:")) for line in said.splitlines() if line]
    [done] = [message for message in messages if message["msg"] == "process_completed"]
    return done["output"]["data"] if done["success"] else None


def named(path, **more):
    """Return how a page names an uploaded file."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, **more}


def until(condition):
    """Wait until a condition holds; a test that hangs ends after 60 s."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)
