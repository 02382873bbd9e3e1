from visualize.app.access.exposure import describe_exposure
from visualize.app.page_settings import AppSettings


def test_the_start_says_what_is_open_to_whom():
    here = "\n".join(describe_exposure(AppSettings(), "the model"))
    assert "this machine, without a password; not to other machines" in here
    assert "their own uploads, and about no other file" in here
    others = "\n".join(
        describe_exposure(AppSettings(host="0.0.0.0", allowed_hosts=["Example.org", "b"]), "m")
    )
    assert "open to the machines that reach host=0.0.0.0 port=7860" in others
    assert "not encrypted" in others
    assert "b, example.org" in others
