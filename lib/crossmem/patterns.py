"""Patterns to store and the corrupted cues that recall them.

Image pools follow the paper (He et al., Nature Communications 2026): handwritten characters,
cropped to their central 24 x 24 pixels, resized by bicubic interpolation and binarised at the
image's own mean, or scaled to [-1, 1] for continuous patterns.
"""

import gzip
import hashlib
import math
import os
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from crossmem.checks import check_choice, check_count, check_not_negative, check_rate, check_rng

_SHA256 = {
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    # Members of the official archive "gzip.zip"; two public lists of checksums agree on them.
    "emnist-letters-test-images-idx3-ubyte.gz": (
        "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d"
    ),
    "emnist-letters-test-labels-idx1-ubyte.gz": (
        "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb"
    ),
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# The official EMNIST download is one archive of 540 MB; these mirrors serve its members singly.
_EMNIST_MIRRORS = (
    "https://huggingface.co/datasets/Royc30ne/emnist-letters/resolve/main/",
    "https://huggingface.co/datasets/tanganke/emnist_letters/resolve/"
    "0527717d2eab6213e6a5d92ca4edbc5907caf2f5/raw/",
)


@dataclass(frozen=True)
class _ImageFiles:
    """Where a set of 28 x 28 images lives: its two IDX files and the places that serve them."""

    prefix: str
    mirrors: tuple[str, ...]
    transposed: bool = False


_IMAGE_FILES = {
    "mnist": _ImageFiles("t10k", _MNIST_MIRRORS),
    "mnist-train": _ImageFiles("train", _MNIST_MIRRORS),
    "emnist": _ImageFiles("emnist-letters-test", _EMNIST_MIRRORS, transposed=True),
}
_NAMES = ("digits", *_IMAGE_FILES, "random")
_RANDOM_COUNT = 2000


def load_patterns(name="digits", *, size=8, binary=True, count=None, rng=None, return_labels=False):
    """Load a pool of square patterns.

    Parameters
    ----------
    name : {"digits", "mnist", "mnist-train", "emnist", "random"}
        Scikit-learn's 1,797 embedded digits (8 x 8, no download); the 10,000 test or 60,000
        training images of MNIST; the 20,800 test images of EMNIST letters; or independent random
        pixels, fair +-1 if `binary`, else uniform in [-1, 1]. Downloaded files are checked by
        SHA-256. The variable CROSSMEM_DATA names a folder that already holds them, and
        CROSSMEM_MIRROR a base URL to try first.
    size : int
        Side of the pattern in pixels; a pattern has size * size elements.
    binary : bool
        Binarise at the image's own mean; otherwise scale the grey levels to [-1, 1].
    count : int, optional
        Number of patterns: the first `count` images, the whole pool by default; 2000 if random.
    rng : numpy.random.Generator, optional
        Choose the images at random without replacement. Required by "random".
    return_labels : bool
        Also return the class of each pattern (EMNIST letters count from 1).

    Returns
    -------
    patterns : ndarray of float64, shape (count, size * size)
    labels : ndarray of int, shape (count,), only if `return_labels`

    Raises
    ------
    ValueError
        Unknown name, size or count out of range, labels of random patterns, a corrupt file.
    TypeError
        A size or count that is no integer, an `rng` that is no Generator.
    OSError
        The files are neither in CROSSMEM_DATA nor to be had from any mirror.
    """
    check_choice(name, "name", _NAMES)
    size = check_count(size, "size")
    count = None if count is None else check_count(count, "count")
    if name == "random":
        if return_labels:
            raise ValueError("Random patterns have no labels; leave return_labels out.")
        return _random_patterns(count or _RANDOM_COUNT, size * size, binary, rng)
    pool, labels = _pool(name, size, bool(binary)), _grey_images(name)[1]
    chosen = _choose(name, len(pool), count, rng)
    patterns = pool[chosen].astype(np.float64)
    return (patterns, labels[chosen].astype(int)) if return_labels else patterns


def one_of_each(name="digits", *, size=8, binary=True, rng):
    """One random pattern of every class, in the order of the classes.

    Parameters
    ----------
    name, size, binary
        As in `load_patterns`.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (classes, size * size)
        Ten digits, 0 to 9, or the 26 letters of "emnist".
    """
    check_rng(rng)
    pool, labels = load_patterns(name, size=size, binary=binary, return_labels=True)
    return pool[[rng.choice(np.flatnonzero(labels == label)) for label in np.unique(labels)]]


def flip_bits(patterns, rate, rng):
    """Flip each bit independently with probability `rate`.

    The cosine of cue and pattern is 1 - 2 * rate on average: 0.90 at the paper's 5 %.

    Parameters
    ----------
    patterns : array_like of +-1, shape (n, N)
    rate : float in [0, 1]
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n, N)
    """
    patterns = check_patterns(patterns, binary=True)
    flipped = check_rng(rng).random(patterns.shape) < check_rate(rate, "rate")
    return np.where(flipped, -patterns, patterns)


def add_gaussian_noise(patterns, sigma, rng):
    """Add independent Gaussian noise to each element and clip the sum to [-1, 1].

    Parameters
    ----------
    patterns : array_like in [-1, 1], shape (n, N)
    sigma : float
        Standard deviation of the noise before clipping, not negative (paper: 0.3 for capacity).
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n, N)
    """
    patterns = check_patterns(patterns)
    check_not_negative(sigma, "sigma")
    return np.clip(patterns + sigma * check_rng(rng).standard_normal(patterns.shape), -1, 1)


def image_side(neurons):
    """Side in pixels of a square image with `neurons` pixels, or a ValueError if there is none."""
    neurons = check_count(neurons, "neurons")
    side = math.isqrt(neurons)
    if side * side != neurons:
        raise ValueError(
            f"neurons is {neurons}, but an image set needs a square number; "
            f"the nearest are {side**2} and {(side + 1) ** 2}."
        )
    return side


def check_patterns(patterns, *, binary=False):
    """Return `patterns` as a float64 array (n, N) in [-1, 1], or +-1 throughout if `binary`."""
    patterns = np.asarray(patterns, dtype=np.float64)
    if patterns.ndim != 2 or patterns.size == 0:
        raise ValueError(
            f"Patterns have shape {patterns.shape}, but a non-empty array (n, N) is needed; "
            "store a single pattern as patterns[None, :]."
        )
    if not np.isfinite(patterns).all():
        raise ValueError("Patterns hold NaN or infinity, but must be finite; remove those rows.")
    if binary and not (np.abs(patterns) == 1).all():
        raise ValueError(
            "Patterns hold values other than -1 and +1, but must be binary here; "
            "binarise them with numpy.where(patterns > 0, 1, -1)."
        )
    if np.abs(patterns).max() > 1:
        raise ValueError(
            f"Patterns reach {np.abs(patterns).max():g} in magnitude, but must lie in [-1, 1]; "
            "scale them first."
        )
    return patterns


def read_idx(path):
    """Read a gzipped IDX file of unsigned bytes, the format of MNIST.

    The header is two zero bytes, the type code 0x08, the number of dimensions, then each dimension
    as a big-endian 32-bit integer (http://yann.lecun.com/exdb/mnist/).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray of uint8, read-only, with the dimensions of the header

    Raises
    ------
    ValueError
        No gzip file, truncated, another type of element, or a length that denies the header.
    """
    try:
        with gzip.open(path) as file:
            data = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or no gzip file; fetch it again.") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise ValueError(f"{path} has no IDX header of unsigned bytes; fetch it again.")
    start = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise ValueError(
            f"{path} holds {len(data) - start} bytes of data, but its header announces "
            f"{math.prod(shape)}; fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _random_patterns(count, neurons, binary, rng):
    shape = (count, neurons)
    if binary:
        return 2.0 * check_rng(rng).integers(0, 2, shape, dtype=np.int8) - 1.0
    return check_rng(rng).uniform(-1, 1, shape)


def _choose(name, available, count, rng):
    """Index of the patterns to take: the first ones, or random ones if there is an rng."""
    count = available if count is None else count
    if count > available:
        raise ValueError(
            f"count is {count}, but the pool {name!r} holds {available} patterns (P larger than "
            "the pool); ask for fewer or use a larger pool."
        )
    if rng is None:
        return slice(count)
    return check_rng(rng).choice(available, count, replace=False)


# Both caches matter to a sweep, whose every grid point asks for the same few pools. They keep
# compact types; what a caller receives is always a fresh float64 copy.
@lru_cache(maxsize=8)
def _pool(name, size, binary):
    """Preprocessed pool, shape (n, size * size): int8 if binary, else float32."""
    images, _, white = _grey_images(name)
    pixels = np.stack([_resize(image, size) for image in images]).reshape(len(images), -1)
    pixels = pixels.clip(0, white)  # bicubic interpolation overshoots at sharp edges
    if not binary:
        return 2 * pixels / np.float32(white) - 1
    mean = pixels.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.where(pixels > mean, 1, -1).astype(np.int8)


def _resize(image, size):
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


@lru_cache(maxsize=4)
def _grey_images(name):
    """Images (n, side, side) as float32 grey levels, labels (n,), and the grey level of white."""
    if name == "digits":
        digits = load_digits()
        return digits.images.astype(np.float32), digits.target, 16
    source = _IMAGE_FILES[name]
    images = read_idx(_locate(f"{source.prefix}-images-idx3-ubyte.gz", source.mirrors))
    labels = read_idx(_locate(f"{source.prefix}-labels-idx1-ubyte.gz", source.mirrors))
    if images.shape != (*labels.shape, 28, 28):
        raise ValueError(
            f"Images of {name!r} have shape {images.shape} for {labels.shape} labels, but (n, 28, "
            "28) for (n,) is needed; fetch both files again."
        )
    if source.transposed:  # EMNIST stores its images column by column
        images = images.transpose(0, 2, 1)
    return images[:, 2:26, 2:26].astype(np.float32), labels, 255


def _locate(filename, mirrors):
    """Path of a verified copy of `filename`: the user's own, a cached one, or a new download."""
    folder = os.environ.get("CROSSMEM_DATA")
    if not folder:
        return _download(filename, mirrors)
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"CROSSMEM_DATA is {folder!r}, but that is no folder; correct it or unset it."
        )
    own = Path(folder, filename)
    if not own.is_file():
        return _download(filename, mirrors)
    with own.open("rb") as file:
        intact = hashlib.file_digest(file, "sha256").hexdigest() == _SHA256[filename]
    if not intact:
        raise ValueError(
            f"{own} has the wrong SHA-256 checksum, so it is corrupt or truncated; it was left "
            "as it is: replace it, or unset CROSSMEM_DATA to download it."
        )
    return own


def _download(filename, mirrors):
    """Fetch from the first mirror that sends the right bytes; pooch discards any other file."""
    import pooch  # here, because it warns in every notebook kernel that has no ipywidgets

    own_mirror = os.environ.get("CROSSMEM_MIRROR")
    failures = []
    for mirror in (own_mirror, *mirrors) if own_mirror else mirrors:
        try:
            return pooch.retrieve(
                f"{mirror.rstrip('/')}/{filename}",
                known_hash=f"sha256:{_SHA256[filename]}",
                fname=filename,
                path=pooch.os_cache("crossmem"),
                downloader=pooch.HTTPDownloader(timeout=10),
            )
        except OSError as error:  # requests derives its errors from OSError, some from both
            failures.append(f"{mirror}: {type(error).__name__}")
        except ValueError:
            failures.append(f"{mirror}: wrong checksum, file discarded")
    raise OSError(
        f"{filename} is not to be had ({'; '.join(failures)}); set CROSSMEM_DATA to a folder that "
        "holds it, or use 'digits', which needs no download."
    )
