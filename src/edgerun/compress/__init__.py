"""The life of a model beside running it: here, comparing it with other runtimes."""
