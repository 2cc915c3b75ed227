"""JPEGs out of multipart streams, cut anywhere, written in every manner that cameras have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerun.errors import CameraError
from edgerun.serve.sources.multipart import MultipartParser

JPEGS = [b"\xff\xd8" + bytes([i]) * (50 + 40 * i) + b"--edge\xff\xd9" for i in range(4)]


def stream(length: bool = True, newline: bytes = b"\r\n", dashes: bytes = b"--") -> bytes:
    parts = []
    for jpeg in JPEGS:
        lines = [dashes + b"edge-1", b"Content-Type: image/jpeg"]
        if length:
            lines.append(b"content-LENGTH: %d" % len(jpeg))
        parts.append(newline.join([*lines, b"", jpeg, b""]))
    return b"".join(parts) + dashes + b"edge-1"


def parse(data: bytes, cuts: list[int], boundary: str = "edge-1") -> list[bytes]:
    parser = MultipartParser(boundary)
    ends = [*sorted(cut % len(data) for cut in cuts), len(data)]
    starts = [0, *ends[:-1]]
    return [jpeg for a, b in zip(starts, ends, strict=True) for jpeg in parser.feed(data[a:b])]


@given(
    st.lists(st.integers(0, 10_000), max_size=12),
    st.booleans(),
    st.sampled_from([b"\r\n", b"\n"]),
    st.sampled_from(
        [(b"--", "edge-1"), (b"--", '"edge-1"'), (b"--", "--edge-1"), (b"----", "--edge-1")]
    ),
)
def test_every_picture_is_found_wherever_the_stream_is_cut(cuts, length, newline, style):
    dashes, boundary = style
    assert parse(stream(length, newline, dashes), cuts, boundary) == JPEGS


def test_noise_before_and_between_is_left_out():
    data = b"hello\r\n" + stream()
    assert parse(data, []) == JPEGS
    broken = b"--edge-1\r\nContent-Length: 5\r\n\r\nabcde\r\n" + stream()
    assert parse(broken, []) == JPEGS


def test_a_picture_that_was_cut_off_is_left_out():
    half = b"--edge-1\r\nContent-Type: image/jpeg\r\n\r\n" + JPEGS[0][:-10] + b"\r\n"
    assert parse(half + stream(), []) == JPEGS


def test_a_stream_without_boundary_is_not_kept():
    parser = MultipartParser("edge-1")
    for _ in range(100):
        assert parser.feed(b"x" * (1 << 20)) == []
    assert len(parser._bytes) < 100
    parser.feed(b"--edge-1\r\n\r\n")
    for _ in range(31):
        assert parser.feed(b"x" * (1 << 20)) == []
    with pytest.raises(CameraError, match="no boundary in 32 MB"):
        parser.feed(b"x" * (1 << 20))


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_rubbish_does_no_harm(data, cuts):
    for found in parse(b"--edge-1" + data, cuts):
        assert found.startswith(b"\xff\xd8") and found.endswith(b"\xff\xd9")
