"""A submission as one zip file whose bytes follow from its content alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

from reports.submission.manifest import MANIFEST, Manifest
from training.files.storage import replace_with

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip file can say."""


def pack(folder: Path, manifest: Manifest) -> Path:
    """Write `FOLDER.zip` beside the folder: the manifest and the files that it names, in order of their names, not compressed.

    Nothing else that lies in the folder is packed. Raises StoreError.
    """
    names = [MANIFEST, *sorted(entry.file for task in manifest.tasks.values() for entry in task.files.values())]
    target = folder.with_name(f"{folder.name}.zip")

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.create_system, entry.external_attr = 3, 0o644 << 16
                archive.writestr(entry, (folder / name).read_bytes())

    replace_with(target, write)
    return target
