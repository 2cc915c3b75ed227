"""Drop-ins for other runtimes: a script written for one of them runs after changing its import line only."""
