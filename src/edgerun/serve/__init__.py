"""Cameras to the browser: sources, the scheduler, pipelines, and the server in front of them."""
