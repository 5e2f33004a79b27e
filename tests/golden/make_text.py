#!/usr/bin/env python3
"""Writes tests/golden/text/: what Python says about floats, JSON and the manifest.

doubles.txt    one value a line: 16 hex digits of its bits, then repr()
tricky.json    a JSON text with every kind of value and escape (input)
tricky.pretty  json.dumps(json.loads(tricky.json), indent=2)
manifest.json  the manifest of the values in tests/unit/test_manifest.c
manifest-empty.json  the same without pairs, rows and commit
"""
import json
import math
import random
import struct
from pathlib import Path

here = Path(__file__).parent / "text"
here.mkdir(exist_ok=True)
rng = random.Random(20261121)


def bits(x):
    return struct.pack(">d", x).hex()


def some_doubles():
    yield from [0.0, -0.0, 0.1, 0.3, 1 / 3, 25.0, -1073741824.0, 1e-7, 1e15, 1e16, 1e17, 1e22, 1e23]
    yield from [9999999999999998.0, 123456789012345680.0, 1e-4, 1e-5, 0.00012345, 5e-324]
    yield from [1.7976931348623157e308, 2.2250738585072014e-308, 2.225073858507201e-308, 2.0**-44]
    for k in range(-1074, 1024, 7):
        x = 2.0**k
        yield from [x, math.nextafter(x, 0.0), math.nextafter(x, math.inf)]
    for k in range(-323, 309, 5):
        yield 10.0**k
    for _ in range(300):
        yield round(rng.uniform(-1000, 1000), rng.randrange(8))
    for _ in range(300):  # widened float32 values, as distances are
        yield struct.unpack("<f", struct.pack("<f", rng.random()))[0]
    for _ in range(500):
        x = struct.unpack("<d", rng.randbytes(8))[0]
        if math.isfinite(x):
            yield x


(here / "doubles.txt").write_text("".join(f"{bits(x)} {x!r}\n" for x in some_doubles()))

tricky = (
    '{"": [], "empty": {}, "deep": [[], [{}], [[1, [2]]]], "int": [0, -1, 9223372036854775807,'
    ' -9223372036854775808], "real": [0.0, -0.0, 5.0, 0.1, 1e-7, 1e16, 1e22, 123456789.125],'
    ' "const": [true, false, null], "text": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f \\u007f~",'
    ' "wide": "\\u00e9\\u4e2d\\ud83e\\uddec caf\u00e9 \u4e2d \U0001f9ec", "k\u00e9y\\n": 1}'
)
(here / "tricky.json").write_text(tricky, encoding="utf-8")
(here / "tricky.pretty").write_text(json.dumps(json.loads(tricky), indent=2))

manifest = {
    "schema_version": "v2",
    "name": "bench-v1-K5-v226-lineage-esm2_150m",
    "k": 5,
    "embedding_config_id": "500a0c59-be09-424d-9d51-b7997629c95a",
    "ontology_snapshot_id": "11111111-0000-4000-8000-000000000001",
    "annotation_source": "go\u00e1 \"x\"",
    "train_snapshot_pairs": ["v160-v165", "v165-v170"],
    "eval_snapshot_pair": "v226-v230",
    "schema_sha": "6d97a624b8a7",
    "n_train_rows": 123456789012,
    "n_eval_rows": 42,
    "format": "parquet",
    "producer_version": "0.1.0",
    "producer_git_sha": "0123456789abcdef0123456789abcdef01234567",
}
(here / "manifest.json").write_text(json.dumps(manifest, indent=2))
manifest.update(train_snapshot_pairs=[], n_eval_rows=0, producer_git_sha=None)
(here / "manifest-empty.json").write_text(json.dumps(manifest, indent=2))
