"""The few S3 operations that storage is made of. boto3 arrives with the first call."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

from swift_lib.core import environment
from swift_lib.core.errors import StorageError
from swift_lib.core.files import disk_errors
from swift_lib.core.registry import missing_dependency
from swift_lib.core.threads import DaemonPool

_PART = 16 << 20
_READ_AHEAD = 4 << 20
_WAITS = (0.5, 2.0, 8.0)  # seconds before a range is read again

_CREDENTIALS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or the service account) and the bucket's policy"
_FIXES = {
    "NoSuchBucket": "create the bucket, or correct its name",
    "AccessDenied": _CREDENTIALS,
    "403": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": "renew the credentials",
    "NoCredentialsError": _CREDENTIALS,
    "EndpointConnectionError": "check S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) and that the store is reachable from here",
    "ConnectTimeoutError": "check S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) and that the store is reachable from here",
}


def split(uri: str) -> tuple[str, str]:
    """ "s3://bucket/a/b/" -> ("bucket", "a/b"). Raises StorageError without a bucket."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise StorageError("The URI names no bucket", where=uri, fix="write s3://bucket/folder")
    return bucket, key.strip("/")


def client() -> Any:
    """A boto3 client for the endpoint that the environment names; safe to share between threads."""
    return _client(environment.s3_endpoint(), environment.s3_region(), environment.s3_attempts())


@lru_cache(maxsize=4)
def _client(endpoint: str, region: str, attempts: int) -> Any:
    try:
        import boto3  # noqa: PLC0415 - an optional library, and 0.3 s
        from botocore.config import Config  # noqa: PLC0415 - arrives with boto3
    except ImportError as error:
        raise missing_dependency("s3:// storage", "boto3", "train") from error
    config = Config(
        retries={"mode": "standard", "max_attempts": attempts},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=64,
        # Stores other than AWS seldom answer to bucket.host names.
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.session.Session().client("s3", endpoint_url=endpoint or None, region_name=region, config=config)


@contextmanager
def errors(uri: str) -> Iterator[None]:
    """Turn what boto3 raises into one StorageError with the way out."""
    try:
        from boto3.exceptions import Boto3Error  # noqa: PLC0415 - optional library
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - optional library
    except ImportError as error:
        raise missing_dependency("s3:// storage", "boto3", "train") from error
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"404", "NoSuchKey"}:
            raise StorageError("There is no such object", where=uri) from error
        if code in {"412", "PreconditionFailed"}:
            raise StorageError("The object changed while it was read", where=uri, fix="run again") from error
        raise StorageError(f"The object store refused: {error}", where=uri, fix=_FIXES.get(code, "")) from error
    except (BotoCoreError, Boto3Error) as error:
        fix = _FIXES.get(type(error).__name__, "run again: what has arrived is kept")
        raise StorageError(f"The object store failed: {error}", where=uri, fix=fix) from error


def head(uri: str) -> dict[str, Any] | None:
    """Size, etag and metadata of an object; None if there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - optional library

    bucket, key = split(uri)
    if not key:
        return None
    with errors(uri):
        try:
            found = client().head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise
    return {"size": found["ContentLength"], "etag": found["ETag"], "metadata": found.get("Metadata", {})}


def list_objects(uri: str, limit: int = 0) -> dict[str, tuple[int, str]]:
    """Name relative to the prefix -> (size, etag) of every object under `uri/`, in order; folder marks are left out."""
    bucket, key = split(uri)
    prefix = f"{key}/" if key else ""
    found: dict[str, tuple[int, str]] = {}
    with errors(uri):
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    found[item["Key"][len(prefix) :]] = (item["Size"], item["ETag"])
                if limit and len(found) >= limit:
                    return found
    return found


def read(uri: str) -> bytes:
    """Content of one object."""
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - optional library

    bucket, key = split(uri)
    buffer = io.BytesIO()
    with errors(uri):
        client().download_fileobj(bucket, key, buffer, Config=TransferConfig(use_threads=False))
    return buffer.getvalue()


def write(uri: str, data: bytes) -> None:
    """Store one small object."""
    bucket, key = split(uri)
    with errors(uri):
        client().put_object(Bucket=bucket, Key=key, Body=data)


def download_file(uri: str, path: Path) -> None:
    """Fetch one object, large ones in parallel ranges with retries."""
    bucket, key = split(uri)
    with errors(uri), disk_errors(str(path)), _transfer() as transfer:
        transfer.download_file(bucket, key, str(path))


def upload_file(path: Path, uri: str, sha256: str) -> None:
    """Store one file, in parts where large (an aborted one leaves nothing visible). The bytes are checked on arrival by
    the checksums that boto3 sends; `sha256` stays with the object, so that a later upload can skip it."""
    bucket, key = split(uri)
    with errors(uri):
        extra = {"Metadata": {"sha256": sha256}}
        with _transfer() as transfer:
            transfer.upload_file(str(path), bucket, key, extra_args=extra)
    stored = head(uri)
    if stored is None or stored["size"] != path.stat().st_size:
        raise StorageError("The object has another size than the file it was made from", where=uri, fix="run again")


def delete(uris: Sequence[str]) -> None:
    """Delete objects one by one, in order; those that do not exist are no error. (What DeleteObjects wants as a
    checksum differs between stores.)"""
    for uri in uris:
        bucket, key = split(uri)
        with errors(uri):
            client().delete_object(Bucket=bucket, Key=key)


def open_stream(uri: str, etag: str = "") -> BinaryIO:
    """A seekable file object over one object, read in ranges; an object that changes meanwhile, or since it had the
    given etag, is an error."""
    found = head(uri)
    if found is None:
        raise StorageError("There is no such object", where=uri)
    if etag and found["etag"] != etag:
        raise StorageError("The object changed while it was in use", where=uri, fix="run again")
    return io.BufferedReader(_RangeReader(uri, found["size"], found["etag"]), _READ_AHEAD)


def _transfer() -> Any:
    """boto3's transfers of one file, in threads that do not keep the process from ending."""
    from boto3.s3.transfer import S3Transfer, TransferConfig  # noqa: PLC0415 - optional library
    from s3transfer.manager import TransferManager  # noqa: PLC0415 - arrives with boto3

    config = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=4)
    return S3Transfer(manager=TransferManager(client(), config, executor_cls=DaemonPool))


class _RangeReader(io.RawIOBase):
    def __init__(self, uri: str, size: int, etag: str) -> None:
        self._uri, self._size, self._position = uri, size, 0
        bucket, key = split(uri)
        self._get: Callable[..., Any] = partial(client().get_object, Bucket=bucket, Key=key, IfMatch=etag)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._position)
        if count <= 0:
            return 0
        with errors(self._uri):
            data = self._fetch(f"bytes={self._position}-{self._position + count - 1}")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _fetch(self, byte_range: str) -> bytes:
        """One range. boto3 repeats requests by itself, but not the reading of an answer that breaks off."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - optional library

        for wait in _WAITS:
            try:
                return self._read_range(byte_range)
            except BotoCoreError:
                time.sleep(wait)
        return self._read_range(byte_range)

    def _read_range(self, byte_range: str) -> bytes:
        return bytes(self._get(Range=byte_range)["Body"].read())
