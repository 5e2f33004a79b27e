"""Schema profiles, digests, manifest bytes, TSV rendering (spec 5.1 - 5.4)."""
import hashlib
import json

_PCA = [f"emb_pca_query_{j}" for j in range(16)]
RESERVED = ["protein_accession", "go_term_id", "label", "category", "snapshot_pair"]
_COMMON = """distance identity_nw similarity_nw alignment_score_nw gaps_pct_nw alignment_length_nw identity_sw
similarity_sw alignment_score_sw gaps_pct_sw alignment_length_sw length_query length_ref taxonomic_distance
taxonomic_common_ancestors vote_count k_position go_term_frequency ref_annotation_density neighbor_distance_std
neighbor_vote_fraction neighbor_min_distance neighbor_mean_distance anc2vec_neighbor_cos anc2vec_neighbor_maxcos
anc2vec_has_emb anc2vec_query_known_cos anc2vec_query_known_maxcos anc2vec_query_known_count tax_voters_same_frac
tax_voters_close_frac tax_voters_mean_common_ancestors""".split() + _PCA + """lineage_is_ancestor_of_known
lineage_is_descendant_of_known lineage_ancestor_of_count lineage_descendant_of_count""".split()
_INTERPRO = """interpro_hit interpro_score interpro_n_signatures interpro_db_pfam interpro_db_panther
interpro_db_superfamily interpro_db_smart interpro_db_cdd interpro_db_prosite knn_present interpro_present""".split()
_PARITY = """classifier_score classifier_present self_prior_score association_total association_cross
association_present""".split()
_LAST = ["qualifier", "evidence_code", "taxonomic_relation", "aspect"]
FEATURES = {"v2-56": _COMMON + _LAST, "v5-73": _COMMON + _INTERPRO + _PARITY + _LAST}
STRINGS = {"protein_accession", "go_term_id", "category", "snapshot_pair"} | set(_LAST)
INTEGERS = {"label"}
BOOLEANS = {"interpro_hit", "knn_present", "interpro_present"} | {c for c in _INTERPRO if "_db_" in c}
ASPECT_NAMES = {"P": "bpo", "F": "mfo", "C": "cco"}


def columns(profile):
    return RESERVED + FEATURES[profile]


def column_type(name):
    if name in STRINGS:
        return "string"
    if name in INTEGERS:
        return "int"
    return "bool" if name in BOOLEANS else "double"


def schema_sha(features):
    text = "[" + ", ".join(json.dumps(f) for f in features) + "]"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def contracts_sha(features):
    return hashlib.sha256("|".join(sorted(features)).encode()).hexdigest()[:12]


def manifest_bytes(job, train_pairs, eval_pair, n_train, n_eval, version, git_sha):
    manifest = {
        "schema_version": "v2", "name": job.name, "k": job.k, "embedding_config_id": job.config,
        "ontology_snapshot_id": job.pivot, "annotation_source": job.annotation_source,
        "train_snapshot_pairs": train_pairs, "eval_snapshot_pair": eval_pair,
        "schema_sha": schema_sha(FEATURES[job.schema_profile]), "n_train_rows": n_train, "n_eval_rows": n_eval,
        "format": "parquet", "producer_version": version, "producer_git_sha": git_sha,
    }
    return json.dumps(manifest, indent=2, ensure_ascii=True).encode("ascii")


def cell(value):
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return repr(value)


def write_tsv(path, profile, rows):
    names = columns(profile)
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write("\t".join(names) + "\n")
        for row in rows:
            f.write("\t".join(cell(row[n]) for n in names) + "\n")
