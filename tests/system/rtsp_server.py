"""A camera with RTSP: `rtsp_server.py PORT` serves a moving test picture, 320 x 240 at 15 Hz.

For Debian's own python3, which has GStreamer. Says "ready" on stdout once clients may come.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1"
CODEC = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15"
STREAM = f"( {PICTURE} ! {CODEC} ! rtph264pay name=pay0 pt=96 )"


def main(port: str) -> None:
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(STREAM)
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
