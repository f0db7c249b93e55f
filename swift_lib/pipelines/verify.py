"""`swift verify <uri>`: does a folder or prefix match its manifest?"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from swift_lib.core import manifest
from swift_lib.core.errors import ArgumentError, ManifestError
from swift_lib.core.files import human_size

_USAGE = "usage: swift verify [--quick] <folder or s3://bucket/prefix> ...   (--quick compares sizes, not contents)"


@dataclass(frozen=True)
class VerifyResult:
    """What was checked: number of files, their bytes, and the problems by URI (none: all whole)."""

    files: int
    size: int
    problems: dict[str, list[str]]


def verify_main(words: Sequence[str] | None = None) -> VerifyResult:
    """Check each URI and print a line for it, problems below. Raises ManifestError if there is any problem."""
    uris, hashes = _parse(sys.argv[1:] if words is None else words)
    files = size = 0
    problems: dict[str, list[str]] = {}
    for uri in uris:
        found = manifest.verify(uri, hashes=hashes)
        content = manifest.read_manifest(uri)
        count, total = len(content["files"]), sum(entry["size"] for entry in content["files"].values())
        files, size = files + count, size + total
        state = "DAMAGED" if found else "OK"
        made = f"stage {content.get('stage')}, made {content.get('created')}"
        sys.stdout.write(f"{state} {uri}: {count} files, {human_size(total)}, {made}\n")
        sys.stdout.writelines(f"  {problem}\n" for problem in found)
        if found:
            problems[uri] = found
    if problems:
        count = sum(map(len, problems.values()))
        raise ManifestError(f"{count} problems found", where=", ".join(problems), fix="fetch or make them again")
    return VerifyResult(files, size, problems)


def _parse(words: Sequence[str]) -> tuple[list[str], bool]:
    flags = [word for word in words if word.startswith("-")]
    uris = [word for word in words if not word.startswith("-")]
    problems = [f"unknown flag {flag}; {_USAGE}" for flag in flags if flag != "--quick"]
    if not uris:
        problems.append(f"nothing to verify; {_USAGE}")
    if problems:
        raise ArgumentError(problems)
    return uris, "--quick" not in flags
