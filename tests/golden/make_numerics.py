#!/usr/bin/python3
"""Writes tests/golden/numerics.h: what NumPy itself gives for the numbers that
tests/unit/test_{half,pairwise,pcg64}.c make in the same way. Run from the repository root."""
import numpy as np

MASK = (1 << 64) - 1


def splitmix(seed, n):
    out, s = [], seed
    for _ in range(n):
        s = (s + 0x9E3779B97F4A7C15) & MASK
        z = s
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append(z ^ (z >> 31))
    return out


def fnv(words):
    h = 0xCBF29CE484222325
    for w in words:
        h = ((h ^ int(w)) * 0x100000001B3) & MASK
    return h


def values64(n):
    """24 random bits times a power of two between 2^-28 and 2^-13: exact in float32 and float64."""
    return np.array([((z >> 40) - (1 << 23)) * 2.0 ** (int(z & 15) - 28) for z in splitmix(7, n)])


def c_array(f, kind, name, words, width):
    f.write(f"static const {kind} {name}[] = {{\n")
    for i in range(0, len(words), 8):
        row = ", ".join(f"0x{int(w):0{width}x}" for w in words[i:i + 8])
        f.write(f"\t{row},\n")
    f.write("};\n\n")


def halves(f):
    bits = np.array([z & 0xFFFFFFFF for z in splitmix(11, 4000)], dtype=np.uint32)
    # Half of them moved into the range of halves, where the rounding happens.
    bits[::2] = (bits[::2] & 0x807FFFFF) | (((bits[::2] >> 23) % 48 + 100) << 23).astype(np.uint32)
    v = bits.view(np.float32)
    with np.errstate(all="ignore"):
        h = np.where(np.isnan(v), np.uint16(0x7E00), v.astype(np.float16).view(np.uint16))
        wide = np.array(splitmix(13, 4000), dtype=np.uint64)
        wide = (wide & 0x800FFFFFFFFFFFFF) | (((wide >> 52) % 48 + 996) << 52)
        # Every second one cut to 12 mantissa bits, so that exact ties occur.
        wide[::2] &= 0xFFFFFF0000000000
        d = wide.view(np.float64).astype(np.float16).view(np.uint16)
    f.write(f"#define GOLDEN_HALF_FROM_FLOAT 0x{fnv(h):016x}u\n")
    f.write(f"#define GOLDEN_HALF_FROM_DOUBLE 0x{fnv(d):016x}u\n")
    c_array(f, "uint16_t", "golden_half_first", h[:64], 4)
    low = np.arange(0, 0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    high = np.append(low[1:], 65536.0)
    mid = ((low + high) / 2).astype(np.float32)
    shortest = np.array([float(np.format_float_scientific(m, unique=True)) for m in mid])
    with np.errstate(all="ignore"):
        text = shortest.astype(np.float16)
        direct = mid.astype(np.float16)
    f.write(f"#define GOLDEN_HALF_TEXT 0x{fnv(text.view(np.uint16)):016x}u\n")
    f.write(f"#define GOLDEN_HALF_TEXT_DIFFERS {int((text != direct).sum())}\n\n")


LENGTHS = sorted(set(list(range(0, 34)) + [63, 64, 65, 127, 128, 129, 135, 136, 137, 143, 255, 256,
                 257, 264, 271, 272, 500, 511, 512, 513, 640, 768, 960, 1000, 1023, 1024, 1025, 1152,
                 1279, 1280, 1536, 1999, 2000, 2048, 2560, 4099]))


def sums(f):
    a64 = values64(4099)
    a32 = a64.astype(np.float32)

    def row(n):
        v32, v64 = a32[:n], a64[:n] / 3.0
        return (np.add.reduce(v32), np.linalg.norm(v32.reshape(1, n), axis=1)[0], np.add.reduce(v64),
                np.std(v64) if n >= 2 else 0.0)

    def bits(rows):
        return ([np.float32(r[0]).view(np.uint32) for r in rows],
                [np.float32(r[1]).view(np.uint32) for r in rows],
                [np.float64(r[2]).view(np.uint64) for r in rows],
                [np.float64(r[3]).view(np.uint64) for r in rows])

    c_array(f, "uint16_t", "golden_lengths", LENGTHS, 4)
    picked = bits([row(n) for n in LENGTHS])
    c_array(f, "uint32_t", "golden_sum_f32", picked[0], 8)
    c_array(f, "uint32_t", "golden_norm_f32", picked[1], 8)
    c_array(f, "uint64_t", "golden_sum_f64", picked[2], 16)
    c_array(f, "uint64_t", "golden_std_f64", picked[3], 16)
    every = bits([row(n) for n in range(2001)])
    for name, words in zip(("SUM_F32", "NORM_F32", "SUM_F64", "STD_F64"), every):
        f.write(f"#define GOLDEN_{name}_0_TO_2000 0x{fnv(words):016x}u\n")
    f.write("\n")


def generators(f):
    raw = np.random.PCG64(42).random_raw(64)
    c_array(f, "uint64_t", "golden_raw_42", raw[:16], 16)
    f.write(f"#define GOLDEN_RAW_42 0x{fnv(raw):016x}u\n")
    raw = np.random.PCG64(4294967295).random_raw(64)
    f.write(f"#define GOLDEN_RAW_MAX_SEED 0x{fnv(raw):016x}u\n")
    f.write("struct golden_sample {\n\tuint32_t seed, n, m;\n\tuint64_t hash;\n};\n")
    f.write("static const struct golden_sample golden_samples[] = {\n")
    for seed, n, m in ((42, 60000, 50000), (42, 527424, 50000), (42, 50001, 50000), (7, 20011, 3000),
                       (42, 12345, 12345), (123456789, 1000003, 50000)):
        s = np.random.default_rng(seed).choice(n, size=m, replace=False)
        f.write(f"\t{{{seed}u, {n}, {m}, 0x{fnv(s):016x}u}},\n")
    f.write("};\n\n")


with open("tests/golden/numerics.h", "w") as out:
    out.write(f"/* Made by tests/golden/make_numerics.py with NumPy {np.__version__}; not edited by hand. */\n"
              "#ifndef GOLDEN_NUMERICS_H\n#define GOLDEN_NUMERICS_H\n\n#include <stdint.h>\n\n")
    halves(out)
    sums(out)
    generators(out)
    out.write("#endif\n")
