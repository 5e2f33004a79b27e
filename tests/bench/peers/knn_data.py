#!/usr/bin/python3
"""Writes N clustered unit vectors of D values as raw float16: knn_data.py N D FILE

Points lie around 1 centre in 100, at cosine distances of about 0.1 from each other, so that the tenth neighbour is
much nearer than a chance point, as with protein embeddings.
"""
import sys

import numpy as np


def main(n, d, path):
    rng = np.random.default_rng(20)
    centres = rng.standard_normal((max(1, n // 100), d), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    with open(path, "wb") as f:
        for lo in range(0, n, 10000):
            m = min(10000, n - lo)
            x = rng.standard_normal((m, d), dtype=np.float32) * np.float32(0.33 / d ** 0.5)
            x += centres[rng.integers(0, len(centres), m)]
            x /= np.linalg.norm(x, axis=1, keepdims=True)
            f.write(x.astype(np.float16).tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
