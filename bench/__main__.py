"""`make bench`: the kernels, then the models that are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.exit(max(subprocess.run([sys.executable, HERE / name]).returncode for name in ("kernels.py", "models.py")))
