"""The scheduler beside others, simulated: `python -m bench.scheduler`."""
