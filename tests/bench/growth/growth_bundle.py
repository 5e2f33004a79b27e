#!/usr/bin/python3
"""A bundle of chosen sizes from a cut of the medium sample: growth_bundle.py BUNDLE Q D

Changes BUNDLE in place: releases 165 and 170 become copies of 160 in which Q proteins, the same ones for every cut and
the first Q of them for a smaller Q, gain experimental terms, so that each of the two pairs has exactly these Q queries;
embeddings get D values, by cutting or repeating theirs (which keeps every cosine when D is a multiple).
"""
import hashlib
import sqlite3
import sys

GAINED = 4


def sets_of(db):
    found = dict(db.execute("SELECT source_version, id FROM annotation_set"))
    return [found[v] for v in ("160", "165", "170")]


def copy_releases(db, sets):
    db.execute("DELETE FROM protein_go_annotation WHERE annotation_set_id <> ?", (sets[0],))
    db.execute("DELETE FROM annotation_set WHERE id NOT IN (?, ?, ?)", sets)
    for new in sets[1:]:
        db.execute("INSERT INTO protein_go_annotation (annotation_set_id, protein_accession, go_term_id, qualifier,"
                   " evidence_code) SELECT ?, protein_accession, go_term_id, qualifier, evidence_code"
                   " FROM protein_go_annotation WHERE annotation_set_id = ? ORDER BY id", (new, sets[0]))


def gain_terms(db, sets, q):
    """The first q proteins by the hash of their sequences, as tests/tools/bundle_cut.sh keeps them."""
    chosen = [a for a, in db.execute("SELECT accession FROM protein JOIN sequence ON sequence.id = sequence_id"
                                     " ORDER BY sequence_hash, accession LIMIT ?", (q,))]
    # Terms that every cut has: by their id, not by how often they are used.
    terms = [t for t, in db.execute("SELECT id FROM go_term WHERE aspect IN ('P', 'F', 'C') AND ontology_snapshot_id ="
                                    " (SELECT ontology_snapshot_id FROM annotation_set WHERE id = ?) ORDER BY go_id",
                                    (sets[0],))]
    for release, new in enumerate(sets[1:], 1):
        for acc in chosen:
            for upto in range(1, release + 1):
                for i in range(GAINED):
                    digest = hashlib.md5(f"{acc} {upto} {i}".encode()).digest()
                    term = terms[int.from_bytes(digest[:4], "little") % len(terms)]
                    db.execute("INSERT OR IGNORE INTO protein_go_annotation (annotation_set_id, protein_accession,"
                               " go_term_id, qualifier, evidence_code) VALUES (?, ?, ?, NULL, 'IDA')", (new, acc, term))


def resize(db, d):
    for id_, blob, dim in db.execute("SELECT id, embedding, embedding_dim FROM sequence_embedding").fetchall():
        if dim != d:
            blob = (blob * (d // dim + 1))[:2 * d]
            db.execute("UPDATE sequence_embedding SET embedding = ?, embedding_dim = ? WHERE id = ?", (blob, d, id_))


def main(path, q, d):
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    sets = sets_of(db)
    copy_releases(db, sets)
    gain_terms(db, sets, q)
    resize(db, d)
    db.commit()
    db.execute("VACUUM")
    db.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
