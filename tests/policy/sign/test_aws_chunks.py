"""Bodies that are signed chunk by chunk: as AWS publishes them, however they arrive, and what is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.policy.sign.aws_chunks import CHUNK_LIMIT_BYTES, Chain, Resigner, Seed
from exeat.policy.sign.canonical import Scope, signing_key

# The examples of sigv4-streaming.html and sigv4-streaming-trailers.html in the documentation of S3.
SCOPE = Scope(b"20130524", b"us-east-1", b"s3")
KEY = signing_key(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SCOPE)
TIME = b"20130524T000000Z"
PUBLISHED = Seed(KEY, TIME, SCOPE, b"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
PUBLISHED_TRAILER = Seed(KEY, TIME, SCOPE, b"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
OTHER = Seed(signing_key(b"another", SCOPE), b"20260101T000000Z", SCOPE, b"0" * 64)
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q=="


def body(seed: Seed, *chunks: bytes, trailer: bytes | None = None) -> bytes:
    """A body in chunks, signed."""
    chain = Chain(seed)
    parts = [b"%x;chunk-signature=%b\r\n%b\r\n" % (len(content), chain.sign(content), content) for content in chunks]
    last = b"0;chunk-signature=%b\r\n" % chain.sign(b"")
    if trailer is not None:
        last += b"%b\r\nx-amz-trailer-signature:%b\r\n" % (trailer, chain.sign_trailer(trailer + b"\n"))
    return b"".join(parts) + last + b"\r\n"


def resigned(*pieces: bytes, read: Seed = PUBLISHED, write: Seed = OTHER) -> bytes:
    """What comes of a body that arrives in pieces."""
    resigner = Resigner(read, write)
    made = b"".join(map(resigner.feed, pieces))
    resigner.end()
    return made


def test_signatures_are_those_that_aws_publishes() -> None:
    """65 536 and 1024 times an `a`, and the last chunk."""
    chain = Chain(PUBLISHED)
    assert [chain.sign(b"a" * size) for size in (65536, 1024, 0)] == [
        b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]


def test_trailers_are_signed_as_aws_publishes_them() -> None:
    """The same with a checksum behind the last chunk."""
    chain = Chain(PUBLISHED_TRAILER)
    assert [chain.sign(b"a" * size) for size in (65536, 1024, 0)] == [
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ]
    assert chain.sign_trailer(TRAILER + b"\n") == b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=4),
    trailer=st.sampled_from([None, TRAILER]),
    cuts=st.lists(st.integers(0, 900), max_size=8),
)
def test_what_arrives_in_any_pieces_is_signed_anew(chunks: list[bytes], trailer: bytes | None, cuts: list[int]) -> None:
    """However the bytes arrive, what leaves is the same content with the other side's signatures, and as long."""
    sent = body(PUBLISHED, *chunks, trailer=trailer)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(places)]
    made = resigned(*pieces)
    assert made == body(OTHER, *chunks, trailer=trailer)
    assert len(made) == len(sent)


def test_line_after_the_trailer_may_be_left_out() -> None:
    """Some clients end with the trailer's signature, some with an empty line."""
    sent = body(PUBLISHED, b"content", trailer=TRAILER)[:-2]
    assert resigned(sent) == body(OTHER, b"content", trailer=TRAILER)[:-2]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (body(PUBLISHED, b"content").replace(b"content", b"changed"), "signature of a chunk"),
        (body(OTHER, b"content"), "signature of a chunk"),
        (body(PUBLISHED, b"one", b"two")[89:], "signature of a chunk"),
        (body(PUBLISHED, b"a", trailer=TRAILER).replace(b"sOO8", b"aOO8"), "signature of a chunk"),
        (body(PUBLISHED, b"content")[:-2] + TRAILER + b"\r\n\r\n", "aren't signed"),
        (body(PUBLISHED, b"content")[:-60], "before its last chunk"),
        (body(PUBLISHED, b"content") + b"x", "before its last chunk"),
        (body(PUBLISHED, b"content").replace(b"7;", b"6;"), "longer than its size"),
        (b"7\r\ncontent\r\n0\r\n\r\n", "doesn't begin with"),
        (b"7;chunk-signature=" + b"0" * 5000, "doesn't end"),
        (b"", "before its last chunk"),
    ],
)
def test_what_isnt_right_is_refused(sent: bytes, says: str) -> None:
    """Nothing of a chunk that isn't right is passed on, and what is wrong is said."""
    with pytest.raises(GatewayError, match=says) as caught:
        resigned(sent)
    assert caught.value.code == Code.MALFORMED_REQUEST


def test_chunks_have_a_largest_size() -> None:
    """What has to be kept until its signature can be judged has a bound."""
    with pytest.raises(GatewayError) as caught:
        resigned(b"%x;chunk-signature=%b\r\n" % (CHUNK_LIMIT_BYTES + 1, b"0" * 64))
    assert caught.value.code == Code.BODY_TOO_LARGE


def test_seeds_print_safely() -> None:
    """A signing key is a secret."""
    assert KEY.hex() not in repr(PUBLISHED)
    assert repr(KEY) not in repr(PUBLISHED)
