"""`python -m edgerun`: the command line."""

from edgerun.cli import main

if __name__ == "__main__":
    main()
