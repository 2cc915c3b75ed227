"""What is shown of an address, and who is there."""

from __future__ import annotations

import socket

import pytest

from edgerun.serve.sources.address import is_address, knock, masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://10.0.0.7:554/cam/1", "rtsp://10.0.0.7:554/cam/1"),
        ("rtsp://me:secret@10.0.0.7/cam", "rtsp://***@10.0.0.7/cam"),
        ("rtsp://secret@cam", "rtsp://***@cam"),
        ("http://h/v.cgi?user=me&pwd=secret", "http://h/v.cgi?***"),
        ("http://me:secret@h?pwd=secret", "http://***@h?***"),
        ("rtsp://me:sec/secret@h/cam", "rtsp://***@h/cam"),
        ("rtsp://me:secret@secret@h/cam", "rtsp://***@h/cam"),
        ("rtsp://me:sec?secret@h/cam", "rtsp://***@h/cam"),
        ("rtsp://me:sec#secret@h/cam#secret", "rtsp://***@h/cam"),
        ("yard.mp4", "yard.mp4"),
    ],
)
def test_no_secret_is_shown(address, shown):
    assert masked(address) == shown
    assert "secret" not in masked(address)


def test_addresses_by_their_scheme():
    assert is_address("rtsp://h") and is_address("HTTP://h") and is_address("rtsps://h")
    assert not is_address("file:///a.mp4") and not is_address("yard.mp4") and not is_address("0")


def test_knocking():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert knock(f"rtsp://me:secret@127.0.0.1:{port}/cam") == ""
    assert knock(f"rtsp://127.0.0.1:{port}/cam") == "connection refused"
    assert knock("rtsp://127.0.0.1:99999/cam") != ""
    assert knock("rtsp:///cam") != ""
