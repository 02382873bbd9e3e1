import pytest

from visualize.app.access.network_address import visitor_of


@pytest.mark.parametrize(
    ("host", "visitor"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_visitor_is_an_address_or_a_network(host, visitor):
    assert visitor_of({"client": (host, 5)}) == visitor


def test_no_address_is_a_visitor_as_well():
    assert visitor_of({"client": None}) == visitor_of({}) == ""
