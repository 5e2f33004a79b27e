"""Number rules of the export (spec 2.2, 4.5, 4.6, 4.9, appendix A), written to be read.

Nothing here is fast on purpose: every sum is spelled out in the order the specification
gives. numpy only supplies the float16/float32/float64 types and element-wise arithmetic.
"""
import numpy as np

F16, F32, F64 = np.float16, np.float32, np.float64


def half_from_float32(values):
    """float32 array -> float16 by the text route: shortest decimal -> double -> half."""
    out = np.empty(len(values), dtype=F16)
    for i, x in enumerate(np.asarray(values, dtype=F32)):
        if np.isfinite(x):
            text = np.format_float_scientific(x, unique=True)
            with np.errstate(over="ignore"):
                out[i] = F64(float(text)).astype(F16)
        else:
            out[i] = x
    return out


def pairwise_sum(values, dtype):
    """S(a_0..a_{n-1}) of appendix A.2, in the element type."""
    a = np.asarray(values, dtype=dtype)
    n = len(a)
    if n < 8:
        total = dtype(0)
        for x in a:
            total = dtype(total + x)
        return total
    if n <= 128:
        r = [a[j] for j in range(8)]
        full = n - n % 8
        for i in range(8, full, 8):
            for j in range(8):
                r[j] = dtype(r[j] + a[i + j])
        total = dtype(dtype(dtype(r[0] + r[1]) + dtype(r[2] + r[3]))
                      + dtype(dtype(r[4] + r[5]) + dtype(r[6] + r[7])))
        for i in range(full, n):
            total = dtype(total + a[i])
        return total
    h = n // 2
    h -= h % 8
    return dtype(pairwise_sum(a[:h], dtype) + pairwise_sum(a[h:], dtype))


def norm32(row):
    """Euclidean norm: pairwise float32 sum of float32 squares, float32 square root."""
    row = np.asarray(row, dtype=F32)
    with np.errstate(over="ignore", under="ignore"):
        return np.sqrt(pairwise_sum(row * row, F32))


def squares32(row):
    row = np.asarray(row, dtype=F32)
    with np.errstate(over="ignore", under="ignore"):
        return pairwise_sum(row * row, F32)


def dots64(q, r):
    """All dot products of the rows of q and r: float64 sums over ascending i, NOT yet rounded."""
    q = np.asarray(q, dtype=F32).astype(F64)
    r = np.asarray(r, dtype=F32).astype(F64)
    acc = np.zeros((len(q), len(r)), dtype=F64)
    for i in range(q.shape[1] if len(q) and len(r) else 0):
        acc += q[:, i][:, None] * r[:, i][None, :]
    return acc


def dot32(a, b):
    """One dot product: float64 over ascending i, rounded once to float32."""
    total = F64(0)
    for x, y in zip(np.asarray(a, F32).astype(F64), np.asarray(b, F32).astype(F64)):
        total = total + x * y
    return F32(total)


def unit_rows_cosine(x):
    """x' of 4.5: rows divided by (norm + 1e-9), everything in float32."""
    x = np.asarray(x, dtype=F32)
    out = np.empty_like(x)
    for i, row in enumerate(x):
        out[i] = row / F32(norm32(row) + F32(1e-9))
    return out


def distance_matrix(q, r, metric):
    """Normative float32 distances (4.5, B8)."""
    if metric == "cosine":
        dot = dots64(unit_rows_cosine(q), unit_rows_cosine(r)).astype(F32)
        return F32(1) - dot
    dot = dots64(q, r).astype(F32)
    qq = np.array([squares32(row) for row in q], dtype=F32)
    rr = np.array([squares32(row) for row in r], dtype=F32)
    d = (qq[:, None] + rr[None, :]) - F32(2) * dot
    return np.maximum(F32(0), d)


def population_std(distances):
    """dist_std of 4.6: float64, both sums pairwise; 0.0 below two values."""
    m = len(distances)
    if m < 2:
        return 0.0
    x = np.asarray(distances, dtype=F64)
    mean = pairwise_sum(x, F64) / F64(m)
    delta = x - mean
    return float(np.sqrt(pairwise_sum(delta * delta, F64) / F64(m)))


def centroid32(rows):
    """Column mean in float32: rows added one after the other, then one division."""
    total = np.array(rows[0], dtype=F32)
    for row in rows[1:]:
        total = (total + row).astype(F32)
    return (total / F32(len(rows))).astype(F32)


class Pcg64:
    """NumPy's default generator as appendix A.3 describes it, without numpy."""
    M32, M64, M128 = 2**32 - 1, 2**64 - 1, 2**128 - 1
    MULT = 2549297995355413924 * 2**64 + 4865540595714422341

    def __init__(self, seed):
        words = self._seed_words(seed)
        w = [words[2 * i] | words[2 * i + 1] << 32 for i in range(4)]
        self.inc = (((w[2] << 64) | w[3]) << 1 | 1) & self.M128
        self.state = 0
        self._step()
        self.state = (self.state + ((w[0] << 64) | w[1])) & self.M128
        self._step()
        self.spare = None

    def _seed_words(self, seed):
        m = self.M32
        a = 0x43B0D7E5

        def hashmix(v):
            nonlocal a
            v ^= a
            a = a * 0x931E8875 & m
            v = v * a & m
            return v ^ v >> 16

        def mix(x, y):
            r = (0xCA01F9DD * x - 0x4973F715 * y) & m
            return r ^ r >> 16

        pool = [hashmix(seed if i == 0 else 0) for i in range(4)]
        for s in range(4):
            for t in range(4):
                if s != t:
                    pool[t] = mix(pool[t], hashmix(pool[s]))
        b = 0x8B51F9DD
        words = []
        for i in range(8):
            v = pool[i % 4] ^ b
            b = b * 0x58F38DED & m
            v = v * b & m
            words.append(v ^ v >> 16)
        return words

    def _step(self):
        self.state = (self.state * self.MULT + self.inc) & self.M128

    def next64(self):
        self._step()
        x = (self.state >> 64 ^ self.state) & self.M64
        rot = self.state >> 122
        return (x >> rot | x << (64 - rot)) & self.M64 if rot else x

    def next32(self):
        if self.spare is not None:
            v, self.spare = self.spare, None
            return v
        v = self.next64()
        self.spare = v >> 32
        return v & self.M32

    def bounded(self, top):
        """Uniform in 0..top (Lemire)."""
        span = top + 1
        x = self.next32() * span
        if x & self.M32 < span:
            limit = (self.M32 - top) % span
            while x & self.M32 < limit:
                x = self.next32() * span
        return x >> 32


def sample_rows(n, m=50000, seed=42):
    """The row indices of the PCA fit: all rows up to m, else the tail shuffle of A.3."""
    if n <= m:
        return list(range(n))
    rng = Pcg64(seed)
    idx = list(range(n))
    for i in range(n - 1, n - m - 1, -1):
        j = rng.bounded(i)
        idx[i], idx[j] = idx[j], idx[i]
    return idx[n - m:]
