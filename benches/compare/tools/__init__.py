"""What is measured, tool by tool, behind one shape: back up, verify, restore, fetch one file; then say how large it is.

A tool gets a new folder each round. Every step is one command, or for a pipe one shell.
"""

from .borg import Borg
from .carelog import CareLog, InPlace
from .restic import Restic
from .rustic import Rustic
from .tar import Listed, TarZstd
from .tool import FIRST, Tool

__all__ = ["FIRST", "Borg", "CareLog", "InPlace", "Listed", "Restic", "Rustic", "TarZstd", "Tool"]
