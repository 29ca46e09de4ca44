"""What a job reads: a folder, a pattern, one file, or a table in Parquet; here or in a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from onnxcam.errors import PictureError

# As `onnxcam explain` searches folders.
ENDINGS = (
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .ppm .tif .tiff .webp".split()  # noqa: SIM905
)
_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
TABLE = ".parquet"


@dataclass(frozen=True, slots=True)
class Source:
    """A place of images.

    Attributes:
        base: The folder or file, or a URI of one; without what a pattern matches.
        pattern: The pattern of names below the base, or None for every image there.
        is_table: Whether it is Parquet that names or holds the images.
    """

    base: str
    pattern: str | None = None
    is_table: bool = False

    def matches(self, name: str) -> bool:
        """Whether a file below the base is one of the images.

        Args:
            name: Its path below the base, with slashes.
        """
        if self.pattern is not None:
            return re.fullmatch(_as_expression(self.pattern), name) is not None
        hidden = any(part.startswith((".", "_") if self.is_table else ".") for part in name.split("/"))
        return not hidden and name.lower().endswith(TABLE if self.is_table else tuple(ENDINGS))


def parsed(text: str) -> Source:
    """Reads the SOURCE of a command.

    Args:
        text: A folder, a file, a pattern such as ``photos/**/*.jpg``, a URI of one of these, or Parquet by its ending.

    Raises:
        PictureError: It is empty.
    """
    if not text:
        raise PictureError("the name of the source is empty; give a folder, a pattern, a bucket or a Parquet file")
    base, pattern = _split(text)
    if not is_uri(base):
        base = str(Path(base).absolute())
    return Source(base, pattern, is_table=text.rstrip("/").lower().endswith(TABLE))


def is_uri(text: str) -> bool:
    """Whether it has a scheme, such as ``s3://``."""
    return _URI.match(text) is not None


def _split(text: str) -> tuple[str, str | None]:
    """The part before the first name with a wildcard, and the rest; a file that is there has no wildcards."""
    if not _MAGIC.search(text) or (not is_uri(text) and Path(text).exists()):
        return text.rstrip("/") or "/", None
    parts = text.split("/")
    first = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    base = "/".join(parts[:first]) or ("/" if text.startswith("/") else ".")
    return base, "/".join(parts[first:])


def _as_expression(pattern: str) -> str:
    """A pattern as a regular expression: ``*`` and ``?`` stop at slashes, ``**/`` is any folders, ``[…]`` a choice."""
    parts = re.split(r"(\*\*/|\*|\?|\[!?\]?[^\]]*\])", pattern)
    special = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(special.get(part) or _choice(part) for part in parts)


def _choice(part: str) -> str:
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        inside = part[1:-1].replace("\\", r"\\")
        return f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(part)
