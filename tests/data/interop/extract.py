"""Extracts a tar to a folder with Python's tarfile alone: extract.py ARCHIVE FOLDER."""

import sys
import tarfile

archive, folder = sys.argv[1:]
with tarfile.open(archive) as tar:
    # The default of later versions refuses devices, absolute links and owners.
    trusting = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    tar.extractall(folder, numeric_owner=True, **trusting)
