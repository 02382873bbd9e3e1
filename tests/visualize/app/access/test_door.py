"""Which files the body of a request names."""

from visualize.app.access.door import named_files


def test_files_are_found_wherever_a_body_names_them():
    body = {
        "data": [{"path": "a"}, [{"x": {"path": {"path": "b"}}}], {"path": None}],
        "event_data": {"path": 1},
    }
    found = list(named_files(body))
    assert sorted(map(str, found)) == ["1", "a", "b", "{'path': 'b'}"]
