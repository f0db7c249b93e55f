"""Results found again by the hash of everything that went into them, in a folder or under an s3:// prefix.

An entry is whole or absent: it is published in one step, and every file is checked against its manifest on the way
out. Entries are copied, not linked: what a run does to its output cannot damage what others will be given.
"""

import logging
import shutil
import uuid
from pathlib import Path

from swift_lib.core import storage
from swift_lib.core.errors import ManifestError, OutputError, StorageError
from swift_lib.core.files import ASIDE
from swift_lib.core.manifest import MANIFEST, has_manifest

logger = logging.getLogger(__name__)


class ArtifactCache:
    """Entries by key; several runs may share one cache."""

    def __init__(self, uri: str) -> None:
        self._uri = uri if storage.is_remote(uri) else str(storage.local_path(uri))
        self._damaged: set[str] = set()

    def restore(self, key: str, folder: Path) -> bool:
        """Copy an entry's files to ``folder``; False, and nothing there, where it is absent or damaged."""
        entry = storage.join(self._uri, key)
        if not has_manifest(entry):
            return False
        try:
            storage.download(entry, folder, require_manifest=True)
        except (StorageError, ManifestError) as error:
            logger.warning("The cached dataset %s is damaged and will be made again: %s", key[:16], error)
            self._damaged.add(key)
            shutil.rmtree(folder, ignore_errors=True)
            return False
        return True

    def store(self, key: str, folder: Path) -> None:
        """Publish a finished folder (it has a manifest) under ``key``; an entry is replaced only if it was damaged.

        A cache that cannot be written costs the next run time, not this one its result: that is a warning.
        """
        assert (folder / MANIFEST).is_file()
        entry = storage.join(self._uri, key)
        try:
            if storage.is_remote(entry):
                storage.upload(folder, entry)
                return
            aside = Path(f"{self._uri}/{ASIDE}{key[:16]}-{uuid.uuid4().hex[:8]}")
            storage.publish(storage.download(str(folder), aside), entry, replace=key in self._damaged)
        except (OSError, StorageError, OutputError) as error:
            logger.warning("The dataset is made, but cannot be kept in the cache: %s", error)
