"""Install pytorch3d for this machine's NVIDIA GPU, and try it.

    python scripts/install_pytorch3d.py                     # the prebuilt wheel, where one fits
    python scripts/install_pytorch3d.py --source FOLDER     # build a checkout of pytorch3d (needs nvcc; minutes)
    python scripts/install_pytorch3d.py --wheels FOLDER     # wheels that are there already, without a network
    python scripts/install_pytorch3d.py --check             # only try what is installed

Exit status: 0 it works, 1 it was installed and does not work, 2 it does not apply here, and one sentence says why.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from talkinghead.cli.pytorch3d_setup import Machine, NotApplicable, install_command, why_not

ROOT = Path(__file__).resolve().parents[1]
# In a process of its own: what has been imported here does not see what pip has changed.
TRIAL = """
import torch
from renderers.raster.rasterizer import get_rasterizer
vertices = torch.tensor([[[1.0, 1, 5], [9, 1, 5], [1, 9, 5]]], device="cuda")
index = get_rasterizer("pytorch3d").rasterize(vertices, torch.tensor([[0, 1, 2]], device="cuda"), (12, 12)).pix_to_face
expected = get_rasterizer("reference").rasterize(vertices.cpu(), torch.tensor([[0, 1, 2]]), (12, 12)).pix_to_face
inner = expected[:, 2:6, 2:6]
assert (inner == 0).any() and (index.cpu()[:, 2:6, 2:6] == inner).float().mean() > 0.7
print("pytorch3d draws on", torch.cuda.get_device_name(0))
"""


def install(source: Path | None, wheels: Path | None) -> None:
    """Install it with this Python's pip.

    Raises:
        NotApplicable: there is no point or no way.
        subprocess.CalledProcessError: pip has failed and said why.
    """
    arguments = install_command(Machine.here(), source, wheels)
    # A build makes the CUDA part even where no GPU is seen at the moment.
    environment = {**os.environ, "FORCE_CUDA": "1"} if source is not None else None
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, env=environment)


def trial() -> bool:
    """Whether pytorch3d draws a triangle here; says so."""
    return subprocess.run([sys.executable, "-c", TRIAL], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--source", type=Path, metavar="FOLDER", help="a source checkout of pytorch3d")
    how.add_argument("--wheels", type=Path, metavar="FOLDER", help="a folder with a wheel of pytorch3d")
    how.add_argument("--check", action="store_true", help="install nothing")
    options = parser.parse_args()
    try:
        if not options.check:
            install(options.source, options.wheels)
        elif reason := why_not(Machine.here()):
            raise NotApplicable(reason)
    except NotApplicable as reason:
        print(reason, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    return 0 if trial() else 1


if __name__ == "__main__":
    sys.exit(main())
