"""Image files: found or fetched from a local server, checked, read and resized."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pooch
import pytest

from crossmem import images
from crossmem.patterns import load_patterns

MNIST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
TRAIN_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
EMNIST_FILES = tuple(
    f"emnist-letters-test-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")
)
CLOSED_PORT = "http://127.0.0.1:9/"


def forget():
    images.image_pool.cache_clear()
    images.grey_images.cache_clear()


@pytest.fixture(autouse=True)
def fresh_caches():
    forget()
    yield
    forget()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def idx(array):
    """An unsigned byte array as gzipped IDX bytes."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def tiny_set(rng):
    """Twelve random 28 x 28 images in a white frame of two pixels, with the labels 0 to 11."""
    images = np.full((12, 28, 28), 255, np.uint8)
    images[:, 2:26, 2:26] = rng.integers(0, 256, (12, 24, 24))
    return images, np.arange(12)


@pytest.fixture
def publish(tmp_path, monkeypatch, tiny_set):
    """Serve the tiny set from localhost under given names, as if it were the real one."""
    folder, cache = tmp_path / "www", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.delenv("CROSSMEM_DATA", raising=False)
    monkeypatch.delenv("CROSSMEM_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda name: cache)
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"

    def files(names, online=True):
        contents = [idx(array) for array in tiny_set]
        for name, data in zip(names, contents, strict=True):
            (folder / name).write_bytes(data)
        # The first mirror never answers, so every test also passes on to the next.
        mirrors = (CLOSED_PORT, url) if online else (CLOSED_PORT,)
        sums = [hashlib.sha256(data).hexdigest() for data in contents]
        for name, source in images.IMAGE_FILES.items():
            served = (source[0], mirrors, *sums)
            monkeypatch.setitem(images.IMAGE_FILES, name, served)
        return url, folder, cache

    yield files
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.parametrize("name,files", [("mnist", MNIST_FILES), ("mnist-train", TRAIN_FILES)])
def test_mnist_from_localhost_is_cropped_and_kept(publish, tiny_set, name, files):
    _, folder, cache = publish(files)
    patterns, labels = load_patterns(name, size=24, binary=False, return_labels=True)
    centre = tiny_set[0][:, 2:26, 2:26].reshape(12, -1)
    np.testing.assert_allclose(patterns, centre / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(labels, np.arange(12))
    assert sorted(path.name for path in cache.iterdir()) == sorted(files)
    for file in files:
        (folder / file).unlink()
    forget()
    assert load_patterns(name).shape == (12, 64)  # from the cache: nothing is served any more


def test_emnist_from_localhost_is_transposed(publish, tiny_set):
    publish(EMNIST_FILES)
    patterns = load_patterns("emnist", size=24, binary=False)
    centre = tiny_set[0][:, 2:26, 2:26].transpose(0, 2, 1).reshape(12, -1)
    np.testing.assert_allclose(patterns, centre / 127.5 - 1, atol=1e-6)


def test_own_mirror_is_tried_first(publish, monkeypatch):
    url, _, _ = publish(MNIST_FILES, online=False)
    monkeypatch.setenv("CROSSMEM_MIRROR", url.rstrip("/"))
    assert load_patterns("mnist").shape == (12, 64)


def test_a_corrupt_download_is_discarded(publish):
    _, folder, cache = publish(MNIST_FILES)
    (folder / MNIST_FILES[0]).write_bytes(b"not the images")
    with pytest.raises(OSError, match="images-idx3.*wrong checksum.*CROSSMEM_DATA.*'digits'"):
        load_patterns("mnist")
    assert list(cache.iterdir()) == []


def test_a_corrupt_mirror_falls_back_to_the_next(publish, monkeypatch):
    url, folder, _ = publish(MNIST_FILES)
    (folder / "bad").mkdir()
    for name in MNIST_FILES:
        (folder / "bad" / name).write_bytes((folder / name).read_bytes()[:-1])
    monkeypatch.setenv("CROSSMEM_MIRROR", url + "bad/")
    assert load_patterns("mnist").shape == (12, 64)


def test_no_network_and_no_copy_says_what_to_do(publish):
    publish(MNIST_FILES, online=False)
    with pytest.raises(OSError, match="t10k-images.*ConnectionError.*CROSSMEM_DATA.*'digits'"):
        load_patterns("mnist")


def test_own_folder_is_used_without_network(publish, monkeypatch):
    _, folder, cache = publish(MNIST_FILES, online=False)
    monkeypatch.setenv("CROSSMEM_DATA", str(folder))
    assert load_patterns("mnist").shape == (12, 64)
    assert not cache.exists()


def test_a_corrupt_file_in_the_own_folder_is_reported_and_left(publish, monkeypatch):
    _, folder, _ = publish(MNIST_FILES)
    monkeypatch.setenv("CROSSMEM_DATA", str(folder))
    (folder / MNIST_FILES[1]).write_bytes(b"precious")
    with pytest.raises(ValueError, match="labels-idx1.*checksum.*left"):
        load_patterns("mnist")
    assert (folder / MNIST_FILES[1]).read_bytes() == b"precious"


def test_own_folder_that_does_not_exist(publish, monkeypatch):
    publish(MNIST_FILES)
    monkeypatch.setenv("CROSSMEM_DATA", "/no/such/folder")
    with pytest.raises(FileNotFoundError, match="CROSSMEM_DATA is '/no/such/folder'"):
        load_patterns("mnist")


def test_read_idx_by_hand(tmp_path):
    path = tmp_path / "tiny.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])))
    np.testing.assert_array_equal(images.read_idx(path), [[1, 2, 3], [4, 5, 6]])


def keys(x):
    """Keys' bicubic kernel with a = -1/2."""
    x = np.abs(x)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


@pytest.mark.parametrize("size", [8, 20, 30])
def test_resize_is_bicubic(publish, tiny_set, size):
    """Against the kernel, widened when the image shrinks, written as a matrix."""
    publish(MNIST_FILES)
    centres = (np.arange(size) + 0.5) * 24 / size
    matrix = keys((np.arange(24) + 0.5 - centres[:, None]) / max(24 / size, 1))
    matrix /= matrix.sum(axis=1, keepdims=True)
    expected = matrix @ tiny_set[0][:, 2:26, 2:26] @ matrix.T
    found = load_patterns("mnist", size=size, binary=False)
    np.testing.assert_allclose(found, expected.reshape(12, -1).clip(0, 255) / 127.5 - 1, atol=1e-4)
