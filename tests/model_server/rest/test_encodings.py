"""Compressed bodies: what was sent is what is read, never more of it than the limit, and damage is the client's."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.errors import InvalidInput, ServingError, TooLarge, UnsupportedCoding
from model_server.rest import encodings
from model_server.rest.encodings import accepts_gzip, coding_of, inflate


def bare(plain: bytes) -> bytes:
    """`deflate` without zlib's head and checksum, as some clients send it (RFC 1951)."""
    return zlib.compress(plain, wbits=-zlib.MAX_WBITS)


COMPRESS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}
codings = st.sampled_from(sorted(COMPRESS))


@given(st.binary(max_size=2000), codings)
def test_compressed_bodies_are_read(plain, coding):
    assert inflate(COMPRESS[coding](plain), coding, len(plain)) == plain


@given(st.binary(min_size=1, max_size=500), codings, st.integers(0, 499))
def test_one_byte_over_the_limit_is_too_large(plain, coding, limit):
    if limit < len(plain):
        with pytest.raises(TooLarge, match=str(limit)):
            inflate(COMPRESS[coding](plain), coding, limit)


@given(st.binary(max_size=300), codings, st.data())
def test_a_body_that_is_cut_or_followed_is_refused(plain, coding, data):
    whole = COMPRESS[coding](plain)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for damaged in (whole[:cut], whole + b"x", whole + bytes(512), whole + whole[: cut or 1]):
        with pytest.raises(InvalidInput):
            inflate(damaged, coding, 10_000)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 1500))
def test_gzip_of_several_members_is_one_body(parts, limit):
    body, plain = b"".join(map(gzip.compress, parts)), b"".join(parts)
    if len(plain) <= limit:
        assert inflate(body, "gzip", limit) == plain
    else:
        with pytest.raises(TooLarge, match=str(limit)):
            inflate(body, "gzip", limit)


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_deflate_without_zlibs_head_is_read(plain, level):
    stream = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    assert inflate(stream.compress(plain) + stream.flush(), "deflate", len(plain)) == plain


def test_bare_deflate_is_bounded_and_whole():
    assert inflate(bare(bytes(5_000_000)), "deflate", 5_000_000) == bytes(5_000_000)
    with pytest.raises(TooLarge):
        inflate(bare(bytes(5_000_000)), "deflate", 4_999_999)
    with pytest.raises(InvalidInput, match="ends too soon; send it whole"):
        inflate(bare(b"some words")[:-2], "deflate", 100)


def test_deflate_of_several_streams_is_refused():
    with pytest.raises(InvalidInput, match="bytes follow the body's deflate; leave them out"):
        inflate(zlib.compress(b"a") * 2, "deflate", 100)


def test_members_have_a_bound_and_memory_is_claimed_for_each():
    empty, claimed = gzip.compress(b""), []
    assert inflate(empty * encodings.MAX_MEMBERS, "gzip", 10) == b""
    with pytest.raises(InvalidInput, match="more than 1024 members of gzip; compress it as one"):
        inflate(empty * (encodings.MAX_MEMBERS + 1), "gzip", 10)
    assert inflate(gzip.compress(b"ab") * 3, "gzip", 6, lambda size: not claimed.append(size)) == b"ababab"
    assert sum(claimed) == 6


@given(st.binary(max_size=300), codings)
def test_any_bytes_give_our_errors_only(raw, coding):
    try:
        inflate(raw, coding, 10_000)
    except ServingError as error:
        assert str(error)


@pytest.mark.parametrize("coding", sorted(COMPRESS))
def test_a_bomb_is_not_inflated(coding):
    bomb = COMPRESS[coding](bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(bomb, coding, 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("header", "coding"),
    [(None, None), ("", None), ("identity", None), ("gzip", "gzip"), (" GZip ", "gzip"), ("deflate", "deflate")],
)
def test_codings_by_name(header, coding):
    assert coding_of(header) == coding


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, gzip", "gzip, deflate", "é"])
def test_other_codings_are_unsupported(header):
    with pytest.raises(UnsupportedCoding, match="send gzip, deflate"):
        coding_of(header)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q = 0.000", False),
        ("gzip;q=0.001", True),
        ("br, deflate", False),
        (";;,,q=", False),
    ],
)
def test_the_header_decides_whether_gzip_is_accepted(header, taken):
    assert accepts_gzip(header) is taken


@given(st.binary(max_size=2000))
def test_our_gzip_is_gzip(plain):
    assert gzip.decompress(encodings.gzip(plain)) == plain
