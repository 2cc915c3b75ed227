"""The same file on another engine, where that engine is installed."""
