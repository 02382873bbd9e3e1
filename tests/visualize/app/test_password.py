import pytest

from grounding.errors import UserError
from visualize.app.password import find_password


def test_the_password_comes_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("APP_PASSWORD", "correct horse")
    assert find_password("0.0.0.0", None) == "correct horse"
    (tmp_path / "word").write_text("battery staple\n", encoding="utf-8")
    assert find_password("0.0.0.0", str(tmp_path / "word")) == "battery staple"
    for word in ("short", " " * 20, "   short   "):
        monkeypatch.setenv("APP_PASSWORD", word)
        with pytest.raises(UserError, match="8 characters"):
            find_password("0.0.0.0", None)
    with pytest.raises(UserError, match="password_file"):
        find_password("0.0.0.0", str(tmp_path / "none"))
