"""Cameras to the browser: sources, mailboxes, pipelines, and the server in front of them."""
