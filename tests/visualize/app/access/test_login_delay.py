from visualize.app.access import login_delay
from visualize.app.access.login_delay import FREE_ATTEMPTS, LONGEST_DELAY, LoginDelay


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_after_the_free_attempts_each_doubles_the_delay():
    clock = Clock()
    delay = LoginDelay(clock)
    assert [delay.start("a") for _ in range(FREE_ATTEMPTS)] == [0] * FREE_ATTEMPTS
    waits = []
    for _ in range(14):
        wait = delay.start("a")
        waits.append(wait)
        assert delay.start("a") == wait  # an attempt that was refused does not count
        clock.now += wait
        assert delay.start("a") == 0
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_DELAY
    assert delay.start("b") == 0


def test_the_password_ends_the_delay():
    delay = LoginDelay(Clock())
    while not delay.start("a"):
        pass
    delay.succeed("a")
    delay.succeed("never seen")
    assert delay.start("a") == 0


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(login_delay, "ADDRESSES_KEPT", 5)
    delay = LoginDelay(Clock())
    for number in range(100):
        delay.start(str(number))
    assert len(delay._attempts) == 5
