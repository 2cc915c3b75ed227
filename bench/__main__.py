"""`make bench`: the kernels, then the models that are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    scripts = [HERE / "kernels.py", HERE / "models.py"]
    sys.exit(max(subprocess.run([sys.executable, script], check=False).returncode for script in scripts))
