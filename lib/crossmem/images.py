"""Image files: found or fetched, checked, read, and turned into pools of patterns."""

import gzip
import hashlib
import os
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# The official EMNIST download is one archive of 540 MB; these mirrors serve its members singly.
_EMNIST = (
    "https://huggingface.co/datasets/Royc30ne/emnist-letters/resolve/main/",
    "https://huggingface.co/datasets/tanganke/emnist_letters/resolve/"
    "0527717d2eab6213e6a5d92ca4edbc5907caf2f5/raw/",
)


#: Sets of 28 x 28 images in two IDX files: their prefix, mirrors, and SHA-256 of images and labels.
IMAGE_FILES = {
    "mnist": (
        "t10k",
        _MNIST,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "mnist-train": (
        "train",
        _MNIST,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    # Members of the official archive "gzip.zip"; two public lists of checksums agree on them.
    "emnist": (
        "emnist-letters-test",
        _EMNIST,
        "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d",
        "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb",
    ),
}


# The grid points of a sweep use the same few pools, so that both caches save time. They hold
# compact types; the caller of `load_patterns` gets a float64 copy.
@lru_cache(maxsize=8)
def image_pool(name, size, binary):
    """Preprocessed pool, shape (n, size * size): int8 if binary, else float32."""
    images, _, white = grey_images(name)
    resized = [
        Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC) for image in images
    ]
    pixels = np.stack(resized).reshape(len(images), -1)
    pixels = pixels.clip(0, white)  # bicubic interpolation overshoots at sharp edges
    if not binary:
        return 2 * pixels / np.float32(white) - 1
    mean = pixels.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.where(pixels > mean, 1, -1).astype(np.int8)


@lru_cache(maxsize=4)
def grey_images(name):
    """Images (n, side, side) as float32 grey levels, labels (n,), and the grey level of white."""
    if name == "digits":
        digits = load_digits()
        return digits.images.astype(np.float32), digits.target, 16
    prefix, mirrors, *sums = IMAGE_FILES[name]
    names = (f"{prefix}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    found = [_locate(file, sha256, mirrors) for file, sha256 in zip(names, sums, strict=True)]
    images, labels = map(read_idx, found)
    if name == "emnist":  # it stores its images column by column
        images = images.transpose(0, 2, 1)
    return images[:, 2:26, 2:26].astype(np.float32), labels, 255


def read_idx(path):
    """Array of uint8 from a gzipped IDX file (http://yann.lecun.com/exdb/mnist/).

    The header is two zero bytes, the type code 0x08, the number of dimensions, then each dimension
    as a big-endian 32-bit integer.
    """
    data = gzip.decompress(Path(path).read_bytes())
    shape = struct.unpack_from(f">{data[3]}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def _locate(filename, sha256, mirrors):
    """Path of a verified copy of `filename`: the user's own, a cached one, or a new download."""
    folder = os.environ.get("CROSSMEM_DATA")
    if not folder:
        return _download(filename, sha256, mirrors)
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"CROSSMEM_DATA is {folder!r}, but that is no folder; correct it or unset it."
        )
    own = Path(folder, filename)
    if not own.is_file():
        return _download(filename, sha256, mirrors)
    if hashlib.sha256(own.read_bytes()).hexdigest() != sha256:
        raise ValueError(
            f"{own} has the wrong SHA-256 checksum, so it is corrupt or truncated; it was left "
            "as it is: replace it, or unset CROSSMEM_DATA to download it."
        )
    return own


def _download(filename, sha256, mirrors):
    """Fetch from the first mirror that sends the right bytes; pooch discards any other file."""
    import pooch  # here, because it warns in every notebook kernel that has no ipywidgets

    failures = []
    for mirror in filter(None, (os.environ.get("CROSSMEM_MIRROR"), *mirrors)):
        try:
            return pooch.retrieve(
                f"{mirror.rstrip('/')}/{filename}",
                known_hash=f"sha256:{sha256}",
                fname=filename,
                path=pooch.os_cache("crossmem"),
                downloader=pooch.HTTPDownloader(timeout=10),
            )
        except (OSError, ValueError) as error:  # requests derives its errors from OSError
            wrong = type(error) is ValueError
            failures.append(f"{mirror}: {'wrong checksum' if wrong else type(error).__name__}")
    raise OSError(
        f"{filename} is not available ({'; '.join(failures)}); set CROSSMEM_DATA to a folder "
        "that holds it, or use 'digits', which needs no download."
    )
