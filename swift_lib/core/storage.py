"""Files and folders by URI: a local path, `file://` or `s3://`. A published folder is visible when its manifest is."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from hashlib import sha256 as new_sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote

from swift_lib.core import s3
from swift_lib.core.errors import ManifestError, StorageError
from swift_lib.core.files import ASIDE, disk_errors, sha256_file, walk_files, write_atomic
from swift_lib.core.signals import check_stopped
from swift_lib.core.threads import DaemonPool

MANIFEST = "manifest.json"

_WORKERS = 8
_CHUNK = 1 << 20

T = TypeVar("T")
# Called before each file of a folder; what it raises ends the transfer.
Poll = Callable[[], None]


# -- URIs --------------------------------------------------------------------------------------------------------------


def is_remote(uri: str) -> bool:
    """True for s3://, False for a local path. Raises StorageError for any other scheme."""
    scheme, separator, _ = uri.partition("://")
    if not separator or scheme == "file" or "/" in scheme:
        return False
    if scheme != "s3":
        raise StorageError(f"No storage for {scheme}:// here", where=uri, fix="use a local path or s3://bucket/folder")
    return True


def local_path(uri: str | Path) -> Path:
    """Path of a local URI; `file://` is taken off, `~` expanded."""
    text = str(uri)
    assert not is_remote(text), f"{text} is not local"
    if text.startswith("file://"):
        text = unquote(text.removeprefix("file://"))
    return Path(text).expanduser()


def join(uri: str, *names: str) -> str:
    """`uri/name/name`; the URI's own trailing slash does not matter."""
    return "/".join([uri.rstrip("/") or "/", *names]).replace("//", "/", 1 if uri == "/" else 0)


# -- one file ----------------------------------------------------------------------------------------------------------


def exists(uri: str) -> bool:
    """True for a file, an object, a folder, or a prefix with anything under it."""
    if not is_remote(uri):
        return local_path(uri).exists()
    return s3.head(uri) is not None or bool(s3.list_objects(uri, limit=1))


def read_bytes(uri: str) -> bytes:
    """Content of a file. Raises StorageError if there is none."""
    if is_remote(uri):
        return s3.read(uri)
    try:
        return local_path(uri).read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read: {error.strerror}", where=uri) from error


def read_text(uri: str) -> str:
    """Content of a UTF-8 file."""
    try:
        return read_bytes(uri).decode("utf-8")
    except UnicodeDecodeError as error:
        raise StorageError(f"Not a UTF-8 text: {error.reason} at byte {error.start}", where=uri) from error


def write_bytes(uri: str, data: bytes) -> None:
    """Write a small file whole or not at all."""
    if is_remote(uri):
        s3.write(uri, data)
    else:
        write_atomic(local_path(uri), data)


def open_stream(uri: str, *, etag: str = "") -> BinaryIO:
    """A seekable binary file object for reading; on s3 only the ranges that are read travel, and content with another
    etag than the given one is refused."""
    if is_remote(uri):
        return s3.open_stream(uri, etag)
    try:
        return open(local_path(uri), "rb")
    except OSError as error:
        raise StorageError(f"Cannot read: {error.strerror}", where=uri) from error


def sha256(uri: str) -> str:
    """Hex digest of a file's content."""
    if not is_remote(uri):
        return sha256_file(local_path(uri))
    digest = new_sha256()
    with open_stream(uri) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# -- folders -----------------------------------------------------------------------------------------------------------


def list_files(uri: str) -> dict[str, int]:
    """Relative path to size, sorted, of all below a folder or prefix; of a file, its name; {} where is nothing."""
    if is_remote(uri):
        found = {name: size for name, (size, _) in s3.list_objects(uri).items()}
        if not found and (one := s3.head(uri)):
            found = {PurePosixPath(uri).name: one["size"]}
        return dict(sorted(found.items()))
    path = local_path(uri)
    return {path.name: path.stat().st_size} if path.is_file() else walk_files(path)


def list_objects(uri: str) -> dict[str, tuple[int, str]]:
    """URI to (size, etag), sorted, of an s3 object, or of every object under a prefix; {} where is nothing."""
    if found := s3.head(uri):
        return {uri: (found["size"], found["etag"])}
    return {join(uri, name): mark for name, mark in sorted(s3.list_objects(uri).items())}


def parse_manifest(data: bytes, place: str) -> dict[str, Any]:
    """A manifest's content. Raises ManifestError for what is not one, or lists a path outside its folder."""
    try:
        manifest = json.loads(data)
        for name, entry in manifest["files"].items():
            if not (isinstance(entry["size"], int) and isinstance(entry["sha256"], str)):
                raise TypeError(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"Not a manifest of ours: {error!r}", where=place) from error
    for name in manifest["files"]:
        _inside(name, place)
    return manifest


def fetch(uri: str, cache_dir: str | Path) -> Path:
    """A local path with the content of `uri`: a local one itself, an s3 one's copy under `cache_dir`.

    The copy's folder is named by what the object store says about the content (etags, the manifest), so a changed
    source is fetched anew; several processes may fetch at once. Raises StorageError if there is nothing.
    """
    if not is_remote(uri):
        path = local_path(uri)
        if not path.exists():
            raise StorageError("There is no such file or folder", where=uri)
        return path
    name = PurePosixPath(uri).name
    if one := s3.head(uri):
        place = Path(cache_dir, _key(uri, one["etag"]))
        if not (place / name).exists():
            place.mkdir(parents=True, exist_ok=True)
            _get(uri, place / name)
        return place / name
    listing = s3.list_objects(uri)
    place = Path(cache_dir, _key(uri, *(f"{name}={etag}" for name, (_, etag) in listing.items())), name)
    if MANIFEST in listing or not place.exists():
        if MANIFEST in listing:
            download(uri, place)
        else:
            aside = place.parent / f"{ASIDE}{place.name}-{uuid.uuid4().hex[:8]}"
            download(uri, aside)
            publish(aside, place)
    return place


def download(uri: str, dest: str | Path, *, require_manifest: bool = False, poll: Poll = check_stopped) -> Path:
    """Copy a folder here, in parallel. With a manifest at the source, files already here with the right size and sha256
    are kept (so a broken-off download goes on), each arrival is checked, and the manifest is written last.

    Raises StorageError where there is nothing, an arrival differs, or (if required) the manifest is absent.
    """
    dest = Path(dest)
    listing = list_files(uri)
    if not listing:
        raise StorageError("There is nothing to download", where=uri)
    if MANIFEST not in listing:
        if require_manifest:
            raise StorageError(f"There is no {MANIFEST}: the folder is not complete", where=uri, fix="make it again")
        _each(lambda name: _get(join(uri, name), _inside(name, uri, dest)), listing, poll)
        return dest
    data = read_bytes(join(uri, MANIFEST))
    files = parse_manifest(data, join(uri, MANIFEST))["files"]
    here = dest / MANIFEST
    if here.exists() and here.read_bytes() != data:
        here.unlink()

    def bring(name: str) -> None:
        target, entry = dest / name, files[name]
        if target.is_file() and target.stat().st_size == entry["size"] and sha256_file(target) == entry["sha256"]:
            return
        if name not in listing:
            raise StorageError("A file of the manifest is missing", where=join(uri, name), fix="make the folder again")
        _get(join(uri, name), target, entry["sha256"])

    _each(bring, files, poll)
    write_atomic(here, data)
    return dest


def upload(folder: str | Path, uri: str, *, poll: Poll = check_stopped) -> str:
    """Publish a folder that has a manifest: its files in parallel, checked, the manifest last. Returns the URI.

    Until then, and while an older content is replaced, the destination has no manifest, so no reader sees it torn. What
    is there already with the same size and sha256 is not sent again. Files of the older manifest that the new one does
    not list are deleted; others are left alone.
    """
    folder = Path(folder)
    here = folder / MANIFEST
    if not here.is_file():
        raise StorageError(f"The folder has no {MANIFEST}, so it is not complete", where=str(folder))
    data = here.read_bytes()
    files = parse_manifest(data, str(here))["files"]
    if not is_remote(uri):
        dest = local_path(uri)
        aside = dest.parent / f"{ASIDE}{dest.name}-{uuid.uuid4().hex[:8]}"
        try:
            publish(download(str(folder), aside, poll=poll), dest, replace=True)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        return uri
    there = s3.list_objects(uri)
    if MANIFEST in there:
        old = read_bytes(join(uri, MANIFEST))
        # With an equal manifest the files are still looked at: one that was damaged since is mended.
        if old != data:
            s3.delete([join(uri, MANIFEST)])
            s3.delete([join(uri, name) for name in _names(old) - set(files)])

    def send(name: str) -> None:
        path, entry, place = folder / name, files[name], join(uri, name)
        if name in there and there[name][0] == entry["size"]:
            stored = s3.head(place)
            if stored and stored["metadata"].get("sha256") == entry["sha256"]:
                return
        if not path.is_file() or sha256_file(path) != entry["sha256"]:
            raise StorageError("A file differs from the folder's manifest", where=str(path), fix="make it again")
        s3.upload_file(path, place, entry["sha256"])

    _each(send, files, poll)
    poll()
    s3.write(join(uri, MANIFEST), data)
    return uri


def publish(folder: str | Path, dest: str | Path, *, replace: bool = False) -> bool:
    """Move a finished local folder to its final place in one step, parents made, also across file systems.

    Where `dest` is not empty: with `replace` it is swapped out, otherwise it is kept (someone was faster), `folder` is
    deleted and False is returned.
    """
    folder, dest = Path(folder), Path(dest)
    with disk_errors(str(dest)):
        dest.parent.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_dev != dest.parent.stat().st_dev:
            near = dest.parent / f"{ASIDE}{dest.name}-{uuid.uuid4().hex[:8]}"
            shutil.copytree(folder, near)
            shutil.rmtree(folder)
            folder = near
        if replace and dest.exists():
            old = dest.parent / f"{ASIDE}{dest.name}-old-{uuid.uuid4().hex[:8]}"
            os.rename(dest, old)
            os.rename(folder, dest)
            shutil.rmtree(old)
            return True
        try:
            os.rename(folder, dest)  # takes the place of an empty folder, refuses a full one
        except OSError:
            if not dest.is_dir() or not any(dest.iterdir()):
                raise
            shutil.rmtree(folder)
            return False
    return True


def delete(uri: str) -> None:
    """Delete a file, or a folder with its manifest first, so that a half-deleted one does not look whole.

    Refuses a bucket, a file system's root and a home folder.
    """
    if is_remote(uri):
        if not s3.split(uri)[1]:
            raise StorageError("A whole bucket is not deleted from here", where=uri)
        names = list_files(uri)
        places = [join(uri, name) for name in sorted(names, key=lambda name: name != MANIFEST)]
        s3.delete([uri, *places] if s3.head(uri) else places)
        return
    path = local_path(uri)
    if path.resolve() in (Path("/"), Path.home().resolve()):
        raise StorageError("This folder is not deleted from here", where=str(path))
    if path.is_dir() and not path.is_symlink():
        (path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# -- helpers -----------------------------------------------------------------------------------------------------------


def _get(uri: str, path: Path, digest: str = "") -> None:
    """Bring one file, aside first; with a digest, refuse other content."""
    aside = path.with_name(f"{ASIDE}{path.name}-{uuid.uuid4().hex[:8]}")
    with disk_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if is_remote(uri):
                s3.download_file(uri, aside)
                arrived = sha256_file(aside) if digest else ""
            else:
                arrived = _copy(local_path(uri), aside)
            if digest and arrived != digest:
                raise StorageError("The content differs from its manifest", where=uri, fix="make the folder again")
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


def _copy(source: Path, dest: Path) -> str:
    """Copy a file and return the sha256 of what was written, in one pass."""
    digest = new_sha256()
    with open(source, "rb") as reader, open(dest, "wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _inside(name: str, place: str, folder: Path = Path()) -> Path:
    """`folder/name`, refusing names that lead out of the folder."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise StorageError(f"The name {name!r} leads outside its folder", where=place)
    return folder / path


def _names(manifest: bytes) -> set[str]:
    try:
        return set(parse_manifest(manifest, MANIFEST)["files"])
    except (ManifestError, StorageError):
        return set()


def _key(*parts: str) -> str:
    return new_sha256("\n".join(parts).encode()).hexdigest()[:24]


def _each(function: Callable[[str], T], names: Iterable[str], poll: Poll) -> list[T]:
    """Call for every name in parallel; the first failure stops what has not begun, and does not wait for the rest."""

    def one(name: str) -> T:
        poll()
        return function(name)

    with DaemonPool(_WORKERS) as pool:
        futures = [pool.submit(one, name) for name in names]
        return [future.result() for future in futures]
