import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from npvae.datasets import user_images as module
from npvae.datasets.user_images import read_image_folder
from npvae.errors import DataError

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5)
COLOUR = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def save(array, path, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "TIFF", "PNG"])
def test_grey_images_in_the_order_of_their_names(tmp_path, suffix):
    for name, shift in (("b", 1), ("a", 0), ("c", 2)):
        save(GREY + np.uint8(shift), tmp_path / f"{name}.{suffix}")
    (tmp_path / "read me.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    examples = read_image_folder(tmp_path)
    assert (examples.kind, examples.shape, examples.labels) == ("pixels", (4, 5), None)
    np.testing.assert_array_equal(examples.x[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(examples.x[0], GREY.reshape(-1))


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp"])
def test_formats_that_lose_a_little(tmp_path, suffix):
    save(np.full((16, 16), 100, np.uint8), tmp_path / f"a.{suffix}")
    examples = read_image_folder(tmp_path)
    assert abs(examples.x.astype(int) - 100).max() < 4


def test_one_colour_image_makes_all_rgb(tmp_path):
    save(GREY, tmp_path / "a.png")
    save(COLOUR, tmp_path / "b.png")
    examples = read_image_folder(tmp_path)
    assert examples.shape == (4, 5, 3)
    np.testing.assert_array_equal(examples.x[0].reshape(4, 5, 3)[..., 1], GREY)
    np.testing.assert_array_equal(examples.x[1], COLOUR.reshape(-1))


def test_masks_of_zeros_and_ones_are_said_to_be_dark(tmp_path):
    save(GREY % 2, tmp_path / "a.png")
    assert "above 1" in read_image_folder(tmp_path).remarks[1]
    save(GREY, tmp_path / "b.png")
    assert len(read_image_folder(tmp_path).remarks) == 1


def test_what_was_understood_is_said(tmp_path):
    save(GREY, tmp_path / "a.png")
    remark = read_image_folder(tmp_path).remarks[0]
    assert "no labels" in remark
    assert "Bernoulli" in remark
    (tmp_path / "a.png").unlink()
    for name in ("red/1.png", "blue/1.png", "green/1.png"):
        save(COLOUR, tmp_path / name)
    remark = read_image_folder(tmp_path).remarks[0]
    assert "3 labels" in remark
    assert "blue, green, red" in remark
    assert "Gaussian" in remark


@pytest.mark.parametrize("run", ["runs/1", "a run", "imgs/blue/run"])
def test_a_run_among_the_images_is_named(tmp_path, run):
    """Its pictures would be asked to be resized, or be learned."""
    save(GREY, tmp_path / run / "samples.png")
    save(GREY, tmp_path / "imgs" / "red" / "1.png")
    assert len(read_image_folder(tmp_path).x) == 2
    for name in ("config.json", "model.npz"):
        (tmp_path / run / name).write_text("{}")
    with pytest.raises(DataError, match="label folders") as caught:
        read_image_folder(tmp_path)
    assert str(tmp_path / run) in str(caught.value)
    assert (f"such as {tmp_path / 'imgs'}" in str(caught.value)) == ("imgs" not in run)
    with pytest.raises(DataError, match="label folders"):
        read_image_folder(tmp_path / run)


def test_other_images_at_another_depth_are_not_to_be_resized(tmp_path):
    save(GREY, tmp_path / "imgs" / "red" / "1.png")
    save(GREY.T.copy(), tmp_path / "figures" / "a.png")
    with pytest.raises(DataError, match="label folders, such as") as caught:
        read_image_folder(tmp_path)
    assert "resize" not in str(caught.value)


def test_palettes_bits_and_transparency(tmp_path):
    save(GREY, tmp_path / "a.png", "P")
    save((GREY > 9) * np.uint8(255), tmp_path / "b.png", "1")
    half = np.stack([np.full((4, 5), 200, np.uint8), np.full((4, 5), 128, np.uint8)], axis=-1)
    save(half, tmp_path / "c.png")  # grey 200, half transparent, on black
    save(GREY, tmp_path / "d.png", transparency=19)
    examples = read_image_folder(tmp_path)
    assert examples.shape == (4, 5)
    np.testing.assert_array_equal(examples.x[0], GREY.reshape(-1))
    np.testing.assert_array_equal(examples.x[1], np.repeat([0, 255], 10))
    np.testing.assert_allclose(examples.x[2], 100, atol=1)
    np.testing.assert_array_equal(examples.x[3], [*range(19), 0])


def test_the_first_frame_of_an_animation_counts(tmp_path):
    frames = [Image.fromarray(GREY + np.uint8(i)) for i in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image_folder(tmp_path).x[0], GREY.reshape(-1))


def test_sub_folders_are_labels(tmp_path):
    for name in ("cat/2.png", "cat/1.png", "ant/z.png", "ant/deeper/0.png", ".git/x.png"):
        save(GREY, tmp_path / name)
    (tmp_path / "empty").mkdir()
    examples = read_image_folder(tmp_path)
    assert list(examples.labels) == ["ant", "ant", "cat", "cat"]


def test_another_size_names_both(tmp_path):
    save(GREY, tmp_path / "a.png")
    save(GREY.T.copy(), tmp_path / "b.png")
    with pytest.raises(DataError, match=r"a\.png is 5 x 4 pixels, .+b\.png is 4 x 5"):
        read_image_folder(tmp_path)


def test_loose_images_beside_labelled_ones(tmp_path):
    save(GREY, tmp_path / "cat" / "a.png")
    save(GREY, tmp_path / "b.png")
    with pytest.raises(DataError, match=r"outside of them, such as b\.png"):
        read_image_folder(tmp_path)


def test_no_image(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"no images.+\.bmp"):
        read_image_folder(tmp_path)


def test_a_broken_image_is_named(tmp_path):
    save(COLOUR, tmp_path / "a.png")
    save(COLOUR, tmp_path / "b.png")
    sound = (tmp_path / "b.png").read_bytes()
    for content in (b"", b"no image", sound[:30], sound[:-30], sound[:45] + b"\xff" + sound[46:]):
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.png cannot be read as an image"):
            read_image_folder(tmp_path)


def png(bits, colour, channels):
    """A .png of 5 x 4 pixels with so many bits a channel, which Pillow cannot write."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 5, 4, bits, colour, 0, 0, 0)
    row = b"\0" + bytes(5 * channels * bits // 8)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(4 * row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_are_refused(tmp_path, colour, channels):
    (tmp_path / "a.png").write_bytes(png(8, colour, channels))
    assert len(read_image_folder(tmp_path).x) == 1
    (tmp_path / "a.png").write_bytes(png(16, colour, channels))
    with pytest.raises(DataError, match=r"a\.png has 16 bits"):
        read_image_folder(tmp_path)


def test_sixteen_bits_of_a_tiff_are_refused(tmp_path):
    save(GREY.astype(np.uint16), tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif has 16 bits"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_images_are_turned_upright(tmp_path, suffix, orientation):
    turned = {1: GREY, 3: np.rot90(GREY, 2), 6: np.rot90(GREY, -1), 8: np.rot90(GREY)}[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    save(GREY, tmp_path / f"a.{suffix}", exif=exif, **options)
    examples = read_image_folder(tmp_path)
    assert examples.shape[:2] == turned.shape
    pictures = examples.x.reshape(1, *examples.shape)
    pictures = pictures[0] if pictures.ndim == 3 else pictures[0, ..., 0]
    np.testing.assert_array_equal(pictures, turned)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    save(np.zeros((100, 100), np.uint8), tmp_path / "a.png")
    for largest in (9_000, 1_000):  # Pillow warns, and from twice as much on raises
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", largest)
        with pytest.raises(DataError, match=r"a\.png cannot be read .+bomb"):
            read_image_folder(tmp_path)


def test_large_images_and_many_images_are_refused_by_their_headers(tmp_path, monkeypatch):
    for i in range(65):
        save(GREY, tmp_path / f"{i:02d}.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("an image was unpacked"))
    monkeypatch.setattr(module, "LIMIT", 64 * 19)
    with pytest.raises(DataError, match=r"00\.png is 5 x 4 pixels"):
        read_image_folder(tmp_path)
    monkeypatch.setattr(module, "LIMIT", 64 * 20)
    with pytest.raises(DataError, match=r"65 images of shape \(4, 5\), .+ one \.npy file of uint8"):
        read_image_folder(tmp_path)


def test_the_checksums_of_a_png_are_verified(tmp_path):
    greys = np.random.default_rng(0).integers(0, 4, (40, 50), dtype=np.uint8)
    save(greys, tmp_path / "a.png")
    sound = (tmp_path / "a.png").read_bytes()
    for place in range(41, len(sound) - 12, 7):  # in the packed numbers; Pillow misses some
        damaged = sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :]
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.png cannot be read as an image"):
            read_image_folder(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 4\nshowpage\n", b"P5\n5 4\n255\n" + bytes(20)],
    ids=["PostScript, a program", "PGM"],
)
def test_no_format_but_those_of_the_suffixes(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png cannot be read as an image"):
        read_image_folder(tmp_path)
