"""Patterns: the pools against their sources, the corruption against its statistics."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import math
import os
import struct
import threading

import numpy as np
import pooch
import pytest
from sklearn.datasets import load_digits

from crossmem import patterns as module
from crossmem.patterns import (
    add_gaussian_noise,
    check_patterns,
    check_rate,
    flip_bits,
    image_side,
    load_patterns,
    one_of_each,
    read_idx,
)

MNIST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
TRAIN_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
EMNIST_FILES = tuple(
    f"emnist-letters-test-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")
)
CLOSED_PORT = "http://127.0.0.1:9/"

needs_mnist = pytest.mark.skipif(
    not os.environ.get("CROSSMEM_DATA"), reason="CROSSMEM_DATA names no folder with MNIST"
)


@pytest.fixture(autouse=True)
def fresh_caches():
    yield
    module._pool.cache_clear()
    module._grey_images.cache_clear()


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
        for name, array in zip(names, tiny_set, strict=True):
            data = idx(array)
            (folder / name).write_bytes(data)
            monkeypatch.setitem(module._SHA256, name, hashlib.sha256(data).hexdigest())
        # The first mirror never answers, so every test also passes on to the next.
        mirrors = (CLOSED_PORT, url) if online else (CLOSED_PORT,)
        for name, source in module._IMAGE_FILES.items():
            served = dataclasses.replace(source, mirrors=mirrors)
            monkeypatch.setitem(module._IMAGE_FILES, name, served)
        return url, folder, cache

    yield files
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def cosine(a, b):
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.mean(np.sum(a * b, axis=1) / norms)


# Pools


def test_binary_digits_are_scikit_learns_cut_at_their_own_mean():
    patterns, labels = load_patterns("digits", return_labels=True)
    source = load_digits()
    expected = [[1 if p > sum(row) / 64 else -1 for p in row] for row in source.data]
    np.testing.assert_array_equal(patterns, expected)
    np.testing.assert_array_equal(labels, source.target)
    assert patterns.dtype == np.float64


def test_continuous_digits_span_the_whole_range():
    expected = load_digits().data / 8 - 1
    np.testing.assert_array_equal(load_patterns("digits", binary=False), expected)


@pytest.mark.parametrize("old,new", [(24, 8), (24, 20), (8, 20)])
def test_resize_is_bicubic(rng, old, new):
    """Against Keys' kernel (a = -1/2), widened when the image shrinks, written as a matrix."""

    def keys(x):
        x = np.abs(x)
        inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x < 1, inner, np.where(x < 2, outer, 0))

    centres = (np.arange(new) + 0.5) * old / new
    matrix = keys((np.arange(old) + 0.5 - centres[:, None]) / max(old / new, 1))
    matrix /= matrix.sum(axis=1, keepdims=True)
    image = rng.uniform(0, 255, (old, old)).astype(np.float32)
    np.testing.assert_allclose(module._resize(image, new), matrix @ image @ matrix.T, atol=1e-3)


def test_resized_patterns_stay_in_range():
    continuous = load_patterns("digits", size=20, binary=False)
    assert continuous.shape == (1797, 400)
    assert continuous.min() == -1 and continuous.max() == 1  # clipped overshoot, so both are met
    assert set(np.unique(load_patterns("digits", size=20))) == {-1, 1}


def test_count_takes_the_first_and_rng_draws_without_replacement(rng):
    pool, labels = load_patterns(return_labels=True)
    np.testing.assert_array_equal(load_patterns(count=7), pool[:7])
    drawn, drawn_labels = load_patterns(count=1797, rng=rng, return_labels=True)
    assert not np.array_equal(drawn, pool)
    np.testing.assert_array_equal(np.bincount(drawn_labels), np.bincount(labels))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(pool, axis=0))


def test_patterns_are_copies_so_that_a_caller_cannot_spoil_the_pool():
    load_patterns(count=3)[:] = 0
    assert (np.abs(load_patterns(count=3)) == 1).all()


def test_random_patterns_have_the_moments_of_their_distribution(rng):
    binary = load_patterns("random", size=10, rng=rng)
    assert binary.shape == (2000, 100) and set(np.unique(binary)) == {-1, 1}
    assert abs(binary.mean()) < 5 / math.sqrt(binary.size)
    uniform = load_patterns("random", size=10, binary=False, count=3000, rng=rng)
    assert uniform.shape == (3000, 100) and np.abs(uniform).max() <= 1
    assert uniform.var() == pytest.approx(1 / 3, abs=0.005)


def test_same_seed_same_patterns():
    first, second = (load_patterns("random", rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_one_of_each_class_in_order(rng):
    pool, labels = load_patterns(return_labels=True)
    chosen = one_of_each("digits", rng=rng)
    assert chosen.shape == (10, 64)
    for digit, pattern in enumerate(chosen):
        assert (pool[labels == digit] == pattern).all(axis=1).any()
    assert not np.array_equal(chosen, one_of_each("digits", rng=rng))


def test_image_side():
    assert [image_side(n) for n in (1, 64, 400)] == [1, 8, 20]
    with pytest.raises(ValueError, match="neurons is 200.*nearest are 196 and 225"):
        image_side(200)


# Corruption


def test_flips_are_binomial(rng):
    rows, columns, rate = 2000, 500, 0.05
    flips = (flip_bits(np.ones((rows, columns)), rate, rng) == -1).sum(axis=1)
    variance = columns * rate * (1 - rate)
    assert flips.mean() == pytest.approx(columns * rate, abs=5 * math.sqrt(variance / rows))
    assert flips.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / rows))


def test_flipping_none_and_all(rng):
    patterns = load_patterns(count=5)
    np.testing.assert_array_equal(flip_bits(patterns, 0, rng), patterns)
    np.testing.assert_array_equal(flip_bits(patterns, 1, rng), -patterns)


def test_five_percent_flips_give_the_papers_cue_cosine(rng):
    patterns = load_patterns("random", size=20, rng=rng)
    assert cosine(patterns, flip_bits(patterns, 0.05, rng)) == pytest.approx(0.90, abs=0.001)


def test_noise_on_binary_patterns_agrees_with_the_clipped_normal(rng):
    """E min(1, 1 + s e) = 1 - s / sqrt(2 pi); the other clip, at -1, is more than six s away."""
    patterns, sigma = load_patterns("random", size=20, rng=rng), 0.3
    cues = add_gaussian_noise(patterns, sigma, rng)
    overlap, lost = np.mean(cues * patterns), sigma / math.sqrt(2 * math.pi)
    assert overlap == pytest.approx(1 - lost, abs=0.001)
    assert np.mean(cues**2) == pytest.approx(1 - 2 * lost + sigma**2 / 2, abs=0.001)
    assert np.abs(cues).max() == 1


def test_noise_of_0_3_gives_the_papers_cue_cosine_on_random_patterns(rng):
    patterns = load_patterns("random", size=20, binary=False, rng=rng)
    assert cosine(patterns, add_gaussian_noise(patterns, 0.3, rng)) == pytest.approx(0.90, abs=0.01)
    np.testing.assert_array_equal(add_gaussian_noise(patterns, 0, rng), patterns)


# Files


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
    module._grey_images.cache_clear()
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
    np.testing.assert_array_equal(read_idx(path), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    "content,message",
    [
        (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2])), "2 bytes.*announces 4"),
        (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2])), "2 bytes.*announces 1"),
        (gzip.compress(bytes([0, 0, 13, 1, 0, 0, 0, 0])), "no IDX header"),
        (gzip.compress(bytes([0, 0, 8, 3, 0, 0])), "no IDX header"),
        (gzip.compress(b""), "no IDX header"),
        (idx(np.arange(99))[:40], "truncated"),
        (b"plain text", "truncated or no gzip"),
    ],
)
def test_read_idx_rejects_damage(tmp_path, content, message):
    path = tmp_path / "damaged.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(path)


def test_images_and_labels_must_match(publish, monkeypatch):
    _, folder, _ = publish(MNIST_FILES)
    data = idx(np.arange(11))
    (folder / MNIST_FILES[1]).write_bytes(data)
    monkeypatch.setitem(module._SHA256, MNIST_FILES[1], hashlib.sha256(data).hexdigest())
    with pytest.raises(ValueError, match=r"\(12, 28, 28\) for \(11,\) labels"):
        load_patterns("mnist")


@needs_mnist
def test_mnist_test_split_is_the_published_one():
    patterns, labels = load_patterns("mnist", size=20, return_labels=True)
    assert patterns.shape == (10_000, 400)
    published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(labels), published)
    np.testing.assert_array_equal(labels[:5], [7, 2, 1, 0, 4])


@needs_mnist
def test_mnist_cues_at_noise_0_3_are_closer_than_random_ones(rng):
    """The black background is clipped at -1, so half of its noise disappears."""
    patterns = load_patterns("mnist", binary=False, count=2000)
    cues = add_gaussian_noise(patterns, 0.3, rng)
    assert cosine(patterns, cues) == pytest.approx(0.955, abs=0.005)


# Bad input


@pytest.mark.parametrize(
    "arguments,error,message",
    [
        ({"name": "minst"}, ValueError, "'minst' is unknown.*did you mean 'mnist'"),
        ({"name": "xyz"}, ValueError, "'xyz' is unknown: choose one of"),
        ({"size": 0}, ValueError, "size is 0, but must be at least 1"),
        ({"size": 8.0}, TypeError, "size is 8.0, but must be an integer"),
        ({"count": 0}, ValueError, "count is 0"),
        ({"count": 1798}, ValueError, "1798.*holds 1797.*larger than the pool"),
        ({"count": 3, "rng": 7}, TypeError, "rng is 7.*Generator"),
        ({"name": "random"}, TypeError, "rng is None.*default_rng"),
        ({"name": "random", "return_labels": True}, ValueError, "no labels"),
    ],
)
def test_load_patterns_rejects(arguments, error, message):
    with pytest.raises(error, match=message):
        load_patterns(**arguments)


@pytest.mark.parametrize("rate", [-0.01, 1.01, math.nan])
def test_rates_lie_in_the_unit_interval(rng, rate):
    with pytest.raises(ValueError, match=f"stuck_off is {rate}"):
        check_rate(rate, "stuck_off")
    with pytest.raises(ValueError, match=f"rate is {rate}"):
        flip_bits(np.ones((2, 3)), rate, rng)


def test_rate_must_be_a_number():
    with pytest.raises(TypeError, match="rate is '5 %'"):
        check_rate("5 %")


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf])
def test_sigma_is_finite_and_not_negative(rng, sigma):
    with pytest.raises(ValueError, match=f"sigma is {sigma}"):
        add_gaussian_noise(np.ones((2, 3)), sigma, rng)


@pytest.mark.parametrize(
    "patterns,message",
    [
        (np.ones(4), r"shape \(4,\).*\(n, N\)"),
        (np.ones((0, 4)), r"shape \(0, 4\)"),
        ([[1.0, math.nan]], "NaN"),
        ([[1.0, 3.0]], "reach 3"),
    ],
)
def test_check_patterns_rejects(rng, patterns, message):
    with pytest.raises(ValueError, match=message):
        check_patterns(patterns)
    with pytest.raises(ValueError, match=message):
        add_gaussian_noise(patterns, 0.1, rng)


def test_flipping_needs_bits(rng):
    with pytest.raises(ValueError, match="other than -1 and \\+1"):
        flip_bits([[0.0, 1.0]], 0.1, rng)


@pytest.mark.parametrize("corrupt", [flip_bits, add_gaussian_noise])
def test_corruption_needs_a_generator(corrupt):
    with pytest.raises(TypeError, match="rng is None"):
        corrupt(np.ones((2, 3)), 0.1, None)
