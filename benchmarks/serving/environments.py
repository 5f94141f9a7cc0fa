"""Environments of the peers: each in a separate virtual environment, made once and kept until its packages change."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "vanilla": ("torch==2.13.0", "transformers==5.23.*", "fastapi>=0.115", "uvicorn[standard]>=0.34"),
    # Left to its own pins MLServer 1.7.1 does not start: newer transformers and uvloop dropped what it uses.
    "mlserver": (
        *("mlserver==1.7.1", "mlserver-huggingface==1.7.1", "torch==2.7.*", "transformers==4.40.*"),
        *("optimum==1.20.*", "numpy<2", "uvloop<0.22"),
    ),
}


class Skipped(Exception):
    """This peer is left out of the run; the message gives the reason in one line."""


def make(name: str, folder: Path, requirements: Sequence[str] | None = None) -> Path:
    """The Python of the environment `folder/name`, with the peer's packages in it.

    TORCH_INDEX names an index for torch's CPU builds; without it torch comes from the package index.

    Raises:
        Skipped: it cannot be made here; pip's last line gives the reason.
    """
    wanted = "\n".join(requirements or REQUIREMENTS[name])
    root = (folder / name).absolute()
    python, stamp = root / "bin/python", root / "requirements.txt"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    _run(name, [sys.executable, "-m", "venv", "--clear", str(root)])
    index = ["--extra-index-url", url] if (url := os.environ.get("TORCH_INDEX")) else []
    _run(name, [str(python), "-m", "pip", "install", "--quiet", *index, *wanted.split("\n")])
    stamp.write_text(wanted)
    return python


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Skipped(f"{name}: its environment cannot be made: {output[-1] if output else command[:4]}")


def thread_settings(threads: int = 0) -> dict[str, str]:
    """Environment variables that hold a peer's torch, MKL and OpenMP to `threads` (every core that is ours when 0)."""
    count = str(threads or len(psutil.Process().cpu_affinity()))
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCH_NUM_THREADS"), count)
