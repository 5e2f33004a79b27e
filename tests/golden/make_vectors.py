#!/usr/bin/python3
"""Writes tests/golden/vectors.h: what NumPy gives for anc2vec vectors and principal components of the
numbers that tests/unit/test_{anc2vec,pca}.c make in the same way. Run from the repository root."""
import numpy as np

MASK = (1 << 64) - 1


def splitmix(seed, n):
    out, s = np.empty(n, dtype=np.uint64), seed
    for i in range(n):
        s = (s + 0x9E3779B97F4A7C15) & MASK
        z = s
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out[i] = z ^ (z >> 31)
    return out


def fnv(words):
    h = 0xCBF29CE484222325
    for w in words:
        h = ((h ^ int(w)) * 0x100000001B3) & MASK
    return h


def c_array(f, kind, name, words):
    f.write(f"static const {kind} {name}[] = {{\n")
    for i in range(0, len(words), 4):
        f.write("\t" + " ".join(f"{w}," for w in words[i:i + 4]) + "\n")
    f.write("};\n\n")


def floats(f, name, values):
    c_array(f, "float", name, [float(v).hex() + "f" for v in np.asarray(values, dtype=np.float32).ravel()])


def matrix(seed, rows, dim):
    """Column i has a spread of 1 + 4 i / dim and a mean of i % 5 - 2; rounded to float16."""
    z = (splitmix(seed, rows * dim) >> np.uint64(40)).astype(np.float64) / 2 ** 24 - 0.5
    column = np.arange(dim)
    return (z.reshape(rows, dim) * (1 + 4 * column / dim) + (column % 5 - 2)).astype(np.float16)


def unit_vectors(f):
    dim = 200
    m = matrix(21, 12, dim).astype(np.float32)
    norm = np.linalg.norm(m, axis=1)
    unit = m / norm[:, None]
    centroid = unit.mean(axis=0)
    own = centroid / np.linalg.norm(centroid.reshape(1, dim), axis=1)
    f.write(f"#define GOLDEN_UNITS 0x{fnv(unit.ravel().view(np.uint32)):016x}u\n")
    f.write(f"#define GOLDEN_CENTROID 0x{fnv(own.view(np.uint32)):016x}u\n\n")
    floats(f, "golden_centroid_first", own[:8])
    exact = (unit.astype(np.longdouble) * own.astype(np.longdouble)).sum(axis=1)
    floats(f, "golden_cosines", exact.astype(np.float32))


def components_of(rows, k):
    x = rows.astype(np.float64)
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    top = vectors[:, ::-1][:, :k].T
    signs = np.sign(top[np.arange(k), np.abs(top).argmax(axis=1)])
    return x.mean(axis=0), top * signs[:, None]


def original_components(rows, k):
    """The original's way: float32 SVD, signs as LAPACK leaves them."""
    x = rows.astype(np.float32)
    return np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:k]


def principal(f, name, seed, rows, dim, k, sampled=None):
    pool = matrix(seed, rows, dim)
    used = pool if sampled is None else pool[np.random.default_rng(42).choice(rows, sampled, replace=False)]
    mean, components = components_of(used, k)
    svd = original_components(used, k)
    assert np.abs(np.abs(np.sum(svd * components, axis=1)) - 1).max() < 1e-4
    scores = (pool[:5].astype(np.float32) - mean.astype(np.float32)).astype(np.float64) @ \
        components.astype(np.float32).astype(np.float64).T
    floats(f, f"golden_{name}_mean", mean)
    floats(f, f"golden_{name}_components", components)
    floats(f, f"golden_{name}_scores", scores)


with open("tests/golden/vectors.h", "w") as out:
    out.write(f"/* Made by tests/golden/make_vectors.py with NumPy {np.__version__}; not edited by hand. */\n"
              "#ifndef GOLDEN_VECTORS_H\n#define GOLDEN_VECTORS_H\n\n")
    unit_vectors(out)
    principal(out, "small", 31, 400, 40, 16)
    principal(out, "tiny", 32, 6, 20, 5)
    principal(out, "sampled", 33, 50200, 6, 6, 50000)
    out.write("#endif\n")
