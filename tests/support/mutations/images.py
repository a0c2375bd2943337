"""Images that are larger than they look, animated, of odd kinds, or of no kind at all."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from mutations import bombs

SIDES = [0, 1, 7, 255, 512, 600, 2_000, 9_000, 16_383, 30_000, 65_535, 2**31 - 1, 2**32 - 1]
MODES = {
    "PNG": "1 L LA P RGB RGBA I;16",
    "JPEG": "L RGB CMYK",
    "BMP": "1 L P RGB RGBA",
    "GIF": "1 L P RGB RGBA",
    "TIFF": "1 L LA P RGB RGBA CMYK YCbCr LAB I;16 I F",
    "WEBP": "L RGB RGBA",
}
OTHERS = [
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 12 10\n%%EndComments\n(called) (w) file\n",
    b"P5\n12 10\n255\n" + bytes(120),
    b"%PDF-1.4\n",
    b"<svg xmlns='http://www.w3.org/2000/svg' width='12' height='10'/>",
    b"8BPS\0\1" + bytes(6) + b"\0\1" + b"\0\0\0\x0a\0\0\0\x0c\0\x08\0\1" + bytes(200),
    b"\0\0\1\0\1\0" + bytes(100),
    b"GIMP brush",
]


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def other_sides(rng, content):
    """Absurd numbers wherever the sound file's header has its width or its height."""
    head, rest = content[:200], content[200:]
    for side in Image.open(io.BytesIO(content)).size:
        forms = [(4, "big"), (4, "little"), (2, "big"), (2, "little")]
        found = [form for form in forms if side.to_bytes(*form) in head]
        if found and rng.random() < 0.8:
            width, order = found[0]
            new = SIDES[rng.integers(len(SIDES))] % 256**width
            head = head.replace(side.to_bytes(width, order), new.to_bytes(width, order), 1)
    return head + rest


def other_kind(rng, content):
    """Another mode, another size, perhaps several frames, in the same format."""
    sound = Image.open(io.BytesIO(content))
    modes = MODES[sound.format].split()
    mode = modes[rng.integers(len(modes))]
    image = (
        sound.convert("RGB").convert(mode) if mode == "LAB" else sound.convert("L").convert(mode)
    )
    if rng.random() < 0.3:
        sizes = [(1, 1), (1, 500), (700, 700), (800, 900)]
        image = image.resize(sizes[rng.integers(4)], Image.Resampling.NEAREST)
    options = {}
    if rng.random() < 0.3 and sound.format in ("GIF", "TIFF", "WEBP", "PNG"):
        options = {"save_all": True, "append_images": [image, image]}
    if rng.random() < 0.3 and mode in ("L", "P", "RGB") and sound.format in ("PNG", "GIF"):
        options["transparency"] = (1, 2, 3) if mode == "RGB" and sound.format == "PNG" else 3
    return encode(image, sound.format, **options)


def other_format(rng, content):
    """A format that npvae does not read, or another one that it does."""
    image = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12))
    formats = [encode(image, kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "PCX")]
    choices = OTHERS + formats
    return choices[rng.integers(len(choices))]


def damaged_kind(rng, content):
    """A byte changed in another kind of image than the sound one."""
    other = other_kind(rng, content)
    place = int(rng.integers(len(other)))
    return other[:place] + rng.bytes(int(rng.integers(1, 4))) + other[place + 1 :]


IMAGE = (other_sides, other_sides, other_kind, other_format, damaged_kind)


# ---- .png, whose checksums can be made right -----------------------------------------------------


def chunk(kind, body, crc=None):
    crc = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png(header, *chunks):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def png_sides(rng, content):
    """Absurd sides, depths and colour types; little, much or no data behind them."""
    sides = [SIDES[rng.integers(len(SIDES))] for _ in range(2)]
    kinds = [bytes([8, 0, 0, 0, 0]), rng.bytes(5), bytes([16, 6, 0, 0, 0]), bytes([1, 3, 0, 0, 1])]
    header = struct.pack(">II", *sides) + kinds[rng.integers(4)]
    bodies = [content[41:-16], zlib.compress(bytes(130)), b"", bombs.zlibbed(1), bombs.zlibbed(60)]
    return png(header, chunk(b"IDAT", bodies[rng.integers(5)]))


def png_chunks(rng, content):
    """Chunks that a reader must look at or step over: packed text, profiles, palettes, frames."""
    packed, some = bombs.zlibbed(60), rng.bytes(int(rng.integers(40)))
    extra = [
        chunk(b"zTXt", b"a\0\0" + packed),
        chunk(b"iTXt", b"a\0\1\0\0\0" + packed),
        chunk(b"iCCP", b"a\0\0" + packed),
        chunk(b"tEXt", b"a\0" + bytes(1 << 20)),
        chunk(b"tRNS", some),
        chunk(b"PLTE", some),
        chunk(b"pHYs", some),
        chunk(b"gAMA", some),
        chunk(b"eXIf", some),
        chunk(b"acTL", struct.pack(">II", *rng.integers(2**32, size=2))),
        chunk(b"acTL", bytes([0, 0, 0, 2] + 4 * [0])) + chunk(b"fcTL", rng.bytes(26)),
        chunk(b"fdAT", some),
        chunk(b"IDAT", some),
        chunk(b"IEND", b""),
        2_000 * chunk(b"tEXt", b"a\0b"),
        chunk(b"IDAT", b"") * 500,
        chunk(rng.bytes(4), some),
    ]  # fmt: skip
    more = extra[rng.integers(len(extra))]
    place = 33 if rng.random() < 0.7 else len(content) - 12
    return content[:place] + more + content[place:]


def png_data(rng, content):
    """Other data than the header announces, the checksums of the chunks right."""
    data = [bytes([7]) * 130, bytes(5), bytes(10_000), rng.bytes(130)][rng.integers(4)]
    packed = zlib.compress(data)
    packed = [packed, packed[:-4], packed[:-4] + b"1234", packed + packed][rng.integers(4)]
    return png(content[16:29], chunk(b"IDAT", packed))


PNG = (*IMAGE, png_sides, png_sides, png_chunks, png_chunks, png_data)
