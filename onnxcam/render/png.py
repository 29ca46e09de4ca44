"""Encodes PNG faster than Pillow.

Pillow tries all five of PNG's filters on each row, which takes half of the time of drawing a picture, for files that
are 5 % smaller. Here each row is stored as its difference from the row above. The compression is ISA-L's where the
package ``isal`` is installed (``onnxcam[fast]``), and else zlib's, which looks for runs only. A picture of 2700 by 683
pixels takes 10 ms and 1293 kB with ISA-L, and 43 ms and 1631 kB with zlib. Pillow takes 94 ms and 1302 kB at its
fastest level, and 212 ms and 1146 kB by default. Only ``formats.encode`` calls this.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

try:
    from isal import isal_zlib
except ImportError:  # it is an extra
    isal_zlib = None  # type: ignore[assignment, unused-ignore]

if TYPE_CHECKING:
    from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS, _RGB, _UP = 8, 2, 2
_FAST = 1


def encode_png(image: Image.Image, exif: bytes = b"") -> bytes:
    """Encodes an image as PNG, lossless.

    Args:
        image: RGB.
        exif: EXIF as Pillow writes it, or nothing.

    Returns:
        The bytes of the file.
    """
    pixels = np.asarray(image).reshape(image.height, -1)
    rows = np.empty((image.height, 1 + pixels.shape[1]), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])  # modulo 256, as PNG defines it
    data = _compressed(rows.data)
    header = struct.pack(">IIBBBBB", image.width, image.height, _BITS, _RGB, 0, 0, 0)
    notes = _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")) if exif else b""
    return _SIGNATURE + _chunk(b"IHDR", header) + notes + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _compressed(rows: memoryview) -> bytes:
    if isal_zlib is not None:
        return isal_zlib.compress(rows, _FAST)
    compressor = zlib.compressobj(_FAST, strategy=zlib.Z_RLE)
    return compressor.compress(rows) + compressor.flush()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
