#!/usr/bin/env python3
"""Jobs of a database, for tests of workers. Needs psycopg2.
worker_jobs.py queue URL JOB_FILE PREFIX N [STATEMENT...]   N jobs PREFIX1, ... with that payload, changed by the
                                                            Python statements on p; prints their ids
worker_jobs.py check URL STORE [TRAIN_SHA [--only STATUS]]  every job has ended exactly once, every registered data
                                                            set is whole, nothing else claims to be complete"""
import hashlib
import json
import os
import sys
import uuid

import psycopg2


def connect(url):
    c = psycopg2.connect(url)
    c.autocommit = True
    cursor = c.cursor()
    cursor.execute("SET synchronous_commit TO on")  # what is queued is there, though the server be killed next
    return cursor


def queue(url, job_file, prefix, n, *statements):
    c = connect(url)
    p = json.load(open(job_file))["payload"]
    for statement in statements:
        exec(statement)
    for i in range(1, int(n) + 1):
        p["output_name"] = prefix + str(i)
        job_id = str(uuid.uuid4())
        c.execute("INSERT INTO job (id, operation, queue_name, payload, created_at) VALUES (%s,"
                  " 'export_research_dataset', 'protea.training', %s, now() + %s * interval '1 ms')",
                  (job_id, json.dumps(p), i))
        print(job_id)


def sha(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def check_set(name, folder, manifest_sha, n_train, n_eval, train_sha, wrong):
    def path(file):
        return os.path.join(folder, file)

    if not os.path.exists(path("manifest.json")) or sha(path("manifest.json")) != manifest_sha:
        wrong("data set %s: its manifest is not the registered one" % name)
        return
    m = json.load(open(path("manifest.json")))
    if (m["name"], m["n_train_rows"], m["n_eval_rows"]) != (name, n_train, n_eval):
        wrong("data set %s: its manifest says something else than its row" % name)
    for file in ("train.parquet", "eval.parquet"):
        if not os.path.exists(path(file)):
            wrong("data set %s: there is no %s" % (name, file))
    if train_sha and os.path.exists(path("train.parquet")) and sha(path("train.parquet")) != train_sha:
        wrong("data set %s: train.parquet is not what an undisturbed run writes" % name)


def check(url, store, train_sha=None, *only):
    c = connect(url)
    faults = []
    wrong = faults.append
    c.execute("SELECT j.id, j.status::text, j.payload->>'output_name', d.name, j.error_code, j.finished_at IS NULL,"
              " (SELECT count(*) FROM job_event e WHERE e.job_id = j.id AND e.event = 'job.succeeded'),"
              " (SELECT count(*) FROM job_event e WHERE e.job_id = j.id AND e.event = 'job.failed')"
              " FROM job j LEFT JOIN dataset d ON d.job_id = j.id")
    ends = {}
    for job, status, name, registered, code, open_end, succeeded, failed in c.fetchall():
        if only and status not in only:
            continue
        ends[code or status] = ends.get(code or status, 0) + 1
        if (status, succeeded, failed) not in (("SUCCEEDED", 1, 0), ("FAILED", 0, 1)):
            wrong("job %s (%s) is %s with %d job.succeeded, %d job.failed"
                  % (job, name, status, succeeded, failed))
        if (status == "SUCCEEDED") != (registered == name) or open_end:
            wrong("job %s (%s) is %s, its data set is %s" % (job, name, status, registered))
    c.execute("SELECT name, manifest_sha, n_train_rows, n_eval_rows FROM dataset")
    rows = c.fetchall()
    for name, manifest_sha, n_train, n_eval in rows:
        check_set(name, os.path.join(store, "datasets", name), manifest_sha, n_train, n_eval, train_sha, wrong)
    names = {r[0] for r in rows}
    folder = os.path.join(store, "datasets")
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name not in names and os.listdir(os.path.join(folder, name)):
            wrong("objects of %s, which is not registered: %s" % (name, os.listdir(os.path.join(folder, name))))
    print("# " + ", ".join("%s %d" % e for e in sorted(ends.items())))
    for text in faults:
        print(text)
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1] == "queue":
        queue(*sys.argv[2:])
    else:
        sys.exit(check(*sys.argv[2:]))
