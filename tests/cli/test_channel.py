"""Messages between the supervisor and a worker."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from exeat.cli.channel import Identity, Kind, Messages, render

MESSAGES = st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=200)), max_size=8)


@given(MESSAGES, st.integers(min_value=1, max_value=64))
def test_messages_arrive_whole_however_they_are_cut(sent: list[tuple[Kind, bytes]], size: int) -> None:
    """What was rendered is read back, in order, whatever the size of the pieces."""
    stream = b"".join(render(kind, payload) for kind, payload in sent)
    reader = Messages()
    read = [message for at in range(0, len(stream), size) for message in reader.feed(stream[at : at + size])]
    assert read == sent


def test_a_private_key_is_not_shown() -> None:
    """The repr of an identity, as an error could print it, leaves the key out; the worker still gets it."""
    identity = Identity("certificate", "marker")
    assert "marker" not in repr(identity)
    assert pickle.loads(pickle.dumps(identity)) == identity  # noqa: S301 - our own
