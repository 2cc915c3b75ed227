"""Model files as bytes: bounded readers, and writers of small models."""
