"""Side files of a random world: anc2vec, taxonomy, InterPro, IA, a stored PCA state."""
import os
import sqlite3
import zipfile

import numpy as np


def write_anc2vec(world, folder):
    """anc2vec.npz and anc2vec.tsv with the same content; missing, zero, tiny and repeated terms."""
    rng, dim = world.rng, world.rng.randrange(6, 20)
    names, rows = [], []
    for go in rng.sample(sorted(world.base), len(world.base)):
        roll = rng.random()
        if roll < 0.1:
            continue
        v = world.np.normal(0, 1, dim)
        if roll < 0.16:
            v = np.zeros(dim)
        elif roll < 0.19:
            v = v * 1e-30                                 # squares underflow: no embedding
        elif roll < 0.22:
            v = v * 1e-18
        names.append(go)
        rows.append(v)
        if roll > 0.95:
            names.append(go)
            rows.append(world.np.normal(0, 1, dim))
    pairs = list(zip(names, rows))
    pairs += [("GO:9999999", world.np.normal(0, 1, dim)), (names[3], world.np.normal(0, 1, dim))]
    names = [p[0] for p in pairs]
    matrix = np.array([p[1] for p in pairs]).astype(np.float32)
    kind = rng.choice(("U", "S"))
    arrays = dict(embeddings=matrix.astype(rng.choice((np.float32, np.float64))), go_ids=np.array(names, dtype=kind))
    if rng.random() < 0.5:
        arrays["ontology_release"] = np.array("2020-10-06")
    save = rng.choice((np.savez, np.savez_compressed))
    save(os.path.join(folder, "anc2vec.npz"), **arrays)
    assert zipfile.is_zipfile(os.path.join(folder, "anc2vec.npz"))
    with open(os.path.join(folder, "anc2vec.tsv"), "w") as f:
        for go, row in zip(names, matrix):
            f.write("\t".join([go] + [repr(float(x)) for x in row]) + "\n")


def write_taxonomy(world, folder):
    taxdump = os.path.join(folder, "taxdump")
    os.makedirs(taxdump, exist_ok=True)
    order = world.rng.sample(sorted(world.tax_parent), len(world.tax_parent))
    with open(os.path.join(taxdump, "nodes.dmp"), "w") as f:
        for t in order:
            f.write(f"{t}\t|\t{world.tax_parent[t]}\t|\tno rank\t|\t\t|\t0\t|\t1\t|\t11\t|\t1\t|\t0\t|\t1\t|\t0\t|\t0\t|\t\t|\n")
    with open(os.path.join(taxdump, "merged.dmp"), "w") as f:
        for old, new in world.tax_merged.items():
            f.write(f"{old}\t|\t{new}\t|\n")
    path = os.path.join(folder, "taxa.sqlite")
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE stats (version INT PRIMARY KEY);"
                     "CREATE TABLE species (taxid INT PRIMARY KEY, parent INT, spname VARCHAR(50), common VARCHAR(50),"
                     " rank VARCHAR(50), track TEXT);"
                     "CREATE TABLE synonym (taxid INT, spname VARCHAR(50), PRIMARY KEY (spname, taxid));"
                     "CREATE TABLE merged (taxid_old INT, taxid_new INT);")
    db.execute("INSERT INTO stats VALUES (2)")
    for t in order:
        track = [t]
        while world.tax_parent[track[-1]] != track[-1]:
            track.append(world.tax_parent[track[-1]])
        db.execute("INSERT INTO species VALUES (?, ?, ?, '', 'no rank', ?)",
                   (t, world.tax_parent[t], f"species {t}", ",".join(map(str, track))))
    db.executemany("INSERT INTO merged VALUES (?, ?)", world.tax_merged.items())
    db.commit()
    db.close()


def write_interpro(world, folder):
    rng = world.rng
    names = ["Pfam", "PANTHER", "SUPERFAMILY", "SMART", "CDD", "ProSiteProfiles", " PROSITE_PATTERNS ", "Gene3D",
             "PIRSF", "xpfamx", ""]
    lines = []
    accs = sorted(world.family) + ["UNKNOWN1"]
    terms = sorted(world.base) + ["GO:9999998"]
    for acc in accs:
        for go in rng.sample(terms, rng.choice((0, 0, 1, 3, 6))):
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                fields = [acc, go, rng.choice(["1", "0.5", f"{rng.random():.6f}", "1e-3", "-2.5", "12"])]
                if rng.random() < 0.8:
                    dbs = rng.sample(names, rng.randrange(0, 4))
                    fields.append(rng.choice((",", ";", ", ", " ;")).join(dbs))
                    if rng.random() < 0.5:
                        fields.append(rng.choice(["1", "3", "17", "abc", "", "2.5"]))
                lines.append("\t".join(fields))
    a, g = accs[0], terms[0]
    lines += ["", "onlyone", f"{a}\t{g}", f"\t{g}\t1.0", f"{a}\t\t1.0", f"{a}\t{g}\tabc", f"{a}\t{g}\t",
              "accession\tgo_id\tscore\tdatabases\tcount"]
    rng.shuffle(lines)
    with open(os.path.join(folder, "interpro.tsv"), "w") as f:
        f.write("\n".join(lines) + "\n")


def write_ia(world, folder):
    rng = world.rng
    with open(os.path.join(folder, "ia.tsv"), "w") as f:
        for go in rng.sample(sorted(world.base), len(world.base)):
            if rng.random() < 0.85:
                f.write(f"{go}\t{rng.choice([0, 0.0, -0.5, 1, rng.uniform(0, 9), rng.uniform(0, 9), rng.uniform(0, 9)])!r}\n")


def write_pca(world, folder):
    """A state as an earlier export of the original left it: no fingerprint, used as it is."""
    config, dim = world.configs["f16"]
    os.makedirs(os.path.join(folder, "pca"), exist_ok=True)
    np.savez(os.path.join(folder, "pca", config + ".npz"), mean=world.np.normal(0, 1, dim).astype(np.float32),
             components=world.np.normal(0, 0.3, (16, dim)).astype(np.float32))


def write_groundtruth(world, folder):
    """Triples of the stored pairs, and which key each belongs to."""
    with open(os.path.join(folder, "groundtruth.list"), "w") as index:
        for label, (key, triples) in world.stored.items():
            index.write(f"{label}\t{key}\n")
            with open(os.path.join(folder, f"groundtruth-{label}.tsv"), "w") as f:
                f.writelines("\t".join(t) + "\n" for t in triples)
