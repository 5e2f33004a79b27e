#!/usr/bin/python3
"""Writes the archives of tests/golden/npz and the fuzz corpora of npy, npz, pickle,
anc2vec and pca_state with NumPy 1.
Run from the repository root."""
import gzip
import io
import os
import pickle
import shutil
import zipfile

import numpy as np
from numpy.lib import format as npy_format

OUT = "tests/golden/npz/"
CORPUS = "tests/fuzz/corpus/"
IDS = ["GO:0008150", "GO:0003674", "GO:0005575", "GO:\u00e9\u20ac\U0001d11e"]
ASCII = np.array(["GO:0008150", "", "GO:3"])
GRID = np.array([[1.5, -2.25, 3.0], [65504.0, 2.0 ** -24, -0.0]])


def as_npy(array):
    f = io.BytesIO()
    np.save(f, array)
    return f.getvalue()


def pickled(array, protocol):
    """What numpy.save would write if it used this protocol."""
    f = io.BytesIO()
    npy_format.write_array_header_1_0(f, npy_format.header_data_from_array_1_0(array))
    return f.getvalue() + pickle.dumps(array, protocol=protocol)


def archive(name, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(OUT + name, "w", method) as z:
        for member, data in members.items():
            z.writestr(zipfile.ZipInfo(member + ".npy"), data, method)


def object_array(items):
    a = np.empty(len(items), dtype=object)
    a[:] = items
    return a


def renamed(npy):
    """The module name as NumPy 2 spells it, in a pickle of protocol 4."""
    old, new = b"\x8c\x15numpy.core.multiarray", b"\x8c\x16numpy._core.multiarray"
    assert npy.count(old) == 1
    at = npy.index(b"\x80\x04\x95") + 3
    frame = int.from_bytes(npy[at:at + 8], "little") + 1
    return (npy[:at] + frame.to_bytes(8, "little") + npy[at + 8:]).replace(old, new)


def write_archives():
    many = object_array([f"GO:{i:07d}" for i in range(2500)])
    shared = object_array([IDS[i % 2] for i in range(600)])
    np.savez(OUT + "unicode.npz", go_ids=np.array(IDS), embeddings=GRID.astype("f4"),
             ontology_release=np.array("2020-10-06"))
    np.savez_compressed(OUT + "deflated.npz", go_ids=np.array(IDS), embeddings=GRID.astype("f8"))
    archive("bytes.npz", {"go_ids": as_npy(ASCII.astype("S")), "embeddings": as_npy(GRID.astype("f2"))})
    archive("big_endian.npz", {"go_ids": as_npy(np.array(IDS).astype(">U12")),
                               "f2": as_npy(GRID.astype(">f2")), "f4": as_npy(GRID.astype(">f4")),
                               "f8": as_npy(GRID.astype(">f8"))})
    archive("fortran.npz", {"f4": as_npy(np.asfortranarray(GRID.astype("f4"))),
                            "f8": as_npy(np.asfortranarray(GRID)), "vector": as_npy(GRID[0])})
    for protocol in (2, 3, 4, 5):
        archive(f"object_p{protocol}.npz", {"go_ids": pickled(object_array(IDS), protocol)})
        archive(f"scalars_p{protocol}.npz",
                {"go_ids": pickled(object_array([np.str_(t) for t in ("GO:1", "GO:22")]), protocol)})
    archive("object_numpy2.npz", {"go_ids": renamed(pickled(object_array(IDS), 4))})
    archive("object_many.npz", {"go_ids": pickled(many, 4)}, zipfile.ZIP_DEFLATED)
    archive("object_shared.npz", {"go_ids": pickled(shared, 3)}, zipfile.ZIP_DEFLATED)
    archive("object_scalar.npz", {"ontology_release": pickled(np.array("2020-10-06", dtype=object), 3)})
    archive("object_numbers.npz", {"go_ids": pickled(object_array(["GO:1", 2, None]), 3)})
    archive("object_matrix.npz", {"go_ids": pickled(np.array([["a", "b"]], dtype=object), 3)})
    archive("object_call.npz", {"go_ids": pickled(object_array([os.getcwd]), 3)})
    terms = ["GO:0008150", "GO:0003674", "GO:0005575"]
    vectors = np.array([[0, 0.5, -1, 3.25], [1, 2, 3, 4], [-8, 7, 6, 5]])
    np.savez(OUT + "anc2vec_f2_unicode.npz", go_ids=np.array(terms), embeddings=vectors.astype("f2"),
             ontology_release=np.array("2020-10-06"))
    np.savez_compressed(OUT + "anc2vec_f8_object.npz", go_ids=object_array(terms), embeddings=vectors)
    np.savez(OUT + "pca_original.npz", mean=np.arange(5, dtype="f4"),
             components=np.arange(80, dtype="f4").reshape(16, 5))
    archive("bomb.npz", {"go_ids": as_npy(np.zeros(3_000_000, dtype="f4"))}, zipfile.ZIP_DEFLATED)


def fill_corpora():
    for name in ("unicode.npz", "deflated.npz", "bytes.npz", "object_p2.npz", "object_p5.npz"):
        shutil.copy(OUT + name, CORPUS + "npz/" + name)
    for name in ("anc2vec_f2_unicode.npz", "anc2vec_f8_object.npz"):
        shutil.copy(OUT + name, CORPUS + "anc2vec/" + name)
    tsv = b"# x\nGO:0008150\t1\t-2.5\t1e-3\nGO:0003674\t0\t1\t2\n"
    for name, data in (("plain.tsv", tsv), ("plain.tsv.gz", gzip.compress(tsv, mtime=0))):
        with open(CORPUS + "anc2vec/" + name, "wb") as f:
            f.write(data)
    shutil.copy(OUT + "pca_original.npz", CORPUS + "pca_state/pca_original.npz")
    np.savez(CORPUS + "pca_state/fingerprint.npz", mean=np.zeros(5, "f4"), components=np.ones((2, 5), "f4"),
             pool_rows=np.int64(100), pool_dim=np.int64(5), pool_accessions_sha256=np.array("a" * 64))
    for name, array in {"f2": GRID.astype("f2"), "f4_big": GRID.astype(">f4"), "unicode": np.array(IDS),
                        "bytes": ASCII.astype("S"), "scalar": np.array(3.5), "i8": np.arange(3),
                        "fortran": np.asfortranarray(GRID)}.items():
        with open(CORPUS + "npy/" + name, "wb") as f:
            f.write(as_npy(array))
    for protocol in (2, 3, 4, 5):
        for name, items in (("str", IDS), ("scalars", [np.str_("GO:1"), np.str_("GO:22")])):
            with open(f"{CORPUS}pickle/{name}_p{protocol}", "wb") as f:
                f.write(bytes([1, len(items)]) + pickle.dumps(object_array(items), protocol=protocol))


for folder in (OUT, CORPUS + "npz", CORPUS + "npy", CORPUS + "pickle", CORPUS + "anc2vec",
               CORPUS + "pca_state"):
    os.makedirs(folder, exist_ok=True)
write_archives()
fill_corpora()
