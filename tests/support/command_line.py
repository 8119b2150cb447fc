"""The command in a process of its own."""

import subprocess
import sys


def run_saelite(*arguments, cwd, **options):
    """Run the command and return what it said."""
    command = [sys.executable, "-m", "saelite", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600, **options)
