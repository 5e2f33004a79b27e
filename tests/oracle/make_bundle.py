#!/usr/bin/python3
"""Random adversarial bundle with its side files and a set of jobs.

    make_bundle.py SEED --out FOLDER [--size small|mid] [--features default|all|none|a,b,c]

The same seed, size and features give the same content. FOLDER gets bundle.sqlite, anc2vec.npz/.tsv, taxdump/,
taxa.sqlite, interpro.tsv, ia.tsv, pca/ and job-*.json, whose paths are relative to FOLDER. job-stored.json needs
FOLDER/store/KEY made from each groundtruth-LABEL.tsv; groundtruth.list has a line LABEL, tab, KEY for each.
"""
import argparse
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bundle_files             # noqa: E402
import bundle_schema            # noqa: E402
from bundle_world import OPTIONAL, World   # noqa: E402


def choose_features(seed, text):
    if text == "none":
        return set()
    if text == "all":
        return set(OPTIONAL) - {"queryless_pair", "no_chunk_column", "last_version_on_pivot"}
    if text != "default":
        names = set(text.split(","))
        if names - set(OPTIONAL):
            raise SystemExit(f"unknown features {sorted(names - set(OPTIONAL))}; known: {', '.join(OPTIONAL)}")
        return names
    rng = random.Random(f"features {seed}")
    names = {n for n in OPTIONAL if rng.random() < 0.6}
    if rng.random() < 0.5:                   # both together would be one feature less to see
        names.discard("skipped_pair")
    else:
        names.discard("queryless_pair")
    if rng.random() < 0.7:
        names.discard("no_chunk_column")
    return names


def write_bundle(world, path):
    db = bundle_schema.create(path, world.features)
    insert = bundle_schema.insert
    insert(db, "bundle_note", [dict(key="generator", value="tests/oracle/make_bundle.py"),
                               dict(key="seed", value=str(world.seed)),
                               dict(key="features", value=",".join(sorted(world.features)))])
    insert(db, "ontology_snapshot", [dict(id=i, obo_version=f"releases/{s}") for s, i in world.snapshot.items()])
    insert(db, "go_term", world.terms)
    insert(db, "go_term_relationship", world.relations)
    insert(db, "annotation_set", world.sets)
    insert(db, "sequence", world.sequence_rows())
    insert(db, "protein", world.protein_rows())
    insert(db, "protein_go_annotation", world.annotations)
    insert(db, "embedding_config", [dict(id=i, model_name=f"model-{n}") for n, (i, _) in world.configs.items()])
    insert(db, "sequence_embedding", world.embeddings)
    insert(db, "evaluation_set", world.evaluation_sets)
    db.commit()
    db.close()


ALL_FAMILIES = dict(compute_alignments=True, compute_taxonomy=True, expand_votes_to_ancestors=True,
                    use_embedding_pca=True)


def jobs(world):
    """name -> (payload, environment). Each job adds something that the others do not have."""
    f16, f32, few = (world.configs[n][0] for n in ("f16", "f32", "few"))
    c, b = world.snapshot["C"], world.snapshot["B"]
    long, test = [160, 165, 170, 175], [180, 185]
    base = dict(embedding_config_id=f16, ontology_snapshot_id=c, train_versions=long, test_versions=test)
    dump, ete = dict(PROTEA_TAXONOMY_PATH="taxdump"), dict(PROTEA_TAXONOMY_PATH="taxa.sqlite")
    interpro = dict(PROTEA_INTERPRO_GO_PRED_PATH="interpro.tsv")
    v5 = dict(schema_profile="v5-73")
    return {
        "v2-all": (dict(base, k=5, **ALL_FAMILIES), dump),
        "v5-all": (dict(base, k=10, embedding_config_id=f32, compute_self_prior=True, **v5, **ALL_FAMILIES),
                   dict(ete, **interpro, PROTEA_ANC2VEC_PATH="anc2vec.tsv")),
        "k1-expand": (dict(base, k=1, expand_votes_to_ancestors=True, train_versions=[175, 160, 165]), {}),
        "k3-l2-threshold": (dict(base, k=3, metric="l2", distance_threshold=6.5, embedding_config_id=f32,
                                 compute_alignments=True, sane_empty_sw=True, **v5), {}),
        "off": (base, interpro),
        "ia": (dict(base, k=3, ia_file="ia.tsv", expand_votes_to_ancestors=True, compute_groundtruth=True, **v5),
               interpro),
        "pivot-b": (dict(base, k=10, embedding_config_id=f16.upper(), ontology_snapshot_id=f" {b.upper()} ",
                         train_versions=[160, 165, 170], test_versions=[175], distance_threshold=0.4,
                         **ALL_FAMILIES),
                    dict(PROTEA_TAXONOMY_PATH="taxdump/nodes.dmp", PROTEA_PCA_ARTIFACTS_DIR="pca")),
        "case-a": (dict(base, k=5, train_versions=[175, 180], test_versions=[185], search_backend="exact",
                        expand_votes_to_ancestors=True, compute_taxonomy=True, **v5), dict(dump, **interpro)),
        "few": (dict(base, k=10, embedding_config_id=few, **ALL_FAMILIES), ete),
        "stored": (dict(base, k=5, train_versions=[160, 170], test_versions=[180], expand_votes_to_ancestors=True,
                        **v5), interpro),
        # Where 165 -> 170 is a pair without queries: no eval rows, and no train rows.
        "short": (dict(base, train_versions=[160, 165], test_versions=[170], compute_taxonomy=True, **v5), ete),
        "shorter": (dict(base, k=4, train_versions=[165, 170], test_versions=[175], metric="l2",
                         use_embedding_pca=True, expand_votes_to_ancestors=True), {}),
        "association": (dict(base, k=3, expand_votes_to_ancestors=True, compute_association=True,
                             compute_self_prior=True, **v5), {}),
    }


def write_jobs(world, folder):
    for name, (payload, environment) in jobs(world).items():
        env = dict(PROTEA_ANC2VEC_PATH="anc2vec.npz", PROTEA_STORAGE_ROOT="store", PROTEA_EXPORT_RESUME_DIR="resume")
        env.update(environment)
        job = dict(operation="export_research_dataset", source="bundle:bundle.sqlite",
                   payload=dict(output_name=f"oracle-{world.seed}-{name}", **payload), environment=env)
        with open(os.path.join(folder, f"job-{name}.json"), "w") as f:
            json.dump(job, f, indent=2)
            f.write("\n")


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("seed", type=int)
    p.add_argument("--out", required=True)
    p.add_argument("--size", choices=("small", "mid"), default="small")
    p.add_argument("--features", default="default")
    args = p.parse_args(argv)
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "bundle.sqlite")
    for old in (path, os.path.join(args.out, "taxa.sqlite")):
        if os.path.exists(old):
            os.unlink(old)
    store = os.path.join(os.path.abspath(args.out), "store")
    world = World(args.seed, args.size, choose_features(args.seed, args.features), store)
    write_bundle(world, path)
    for write in (bundle_files.write_anc2vec, bundle_files.write_taxonomy, bundle_files.write_interpro,
                  bundle_files.write_ia, bundle_files.write_pca, bundle_files.write_groundtruth, write_jobs):
        write(world, args.out)
    print(f"seed {args.seed}: {len(world.proteins)} proteins, {len(world.annotations)} annotations,"
          f" features {','.join(sorted(world.features)) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
