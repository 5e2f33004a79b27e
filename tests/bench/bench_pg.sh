#!/bin/bash
# Time of one screen of protea-prof pg, connection and all, with 10, 100 and 500 sessions, a tenth of them in a queue
# behind one lock: median and worst of 15, wall and CPU. Goal: 200 ms. Needs PostgreSQL and python3-psycopg2.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
pg_rig_need "time of a screen"
/usr/bin/python3 -c 'import psycopg2' 2>/dev/null || { skip "time of a screen" "python3-psycopg2 is missing"; exit 0; }
pg_rig_start "" || exit 1
pg_sql "ALTER SYSTEM SET max_connections = 600"
pg_rig_restart || exit 1
pg_sql "CREATE TABLE job (id int PRIMARY KEY, v int); INSERT INTO job SELECT i, 0 FROM generate_series(1, 1000) i"
export PG_URL PROF
/usr/bin/python3 - <<'EOP'
import os, resource, statistics, subprocess, threading, time
import psycopg2

url, prof = os.environ["PG_URL"], os.environ["PROF"]
sessions, threads = [], []

def one(n):
    c = psycopg2.connect(url)
    cur = c.cursor()
    cur.execute("SELECT v FROM job WHERE id = %s", (n,))
    sessions.append(c)
    return cur

def wait(cur):
    try:
        cur.execute("UPDATE job SET v = v + 1 WHERE id = 1")
    except psycopg2.Error:
        pass

holder = one(1)
holder.execute("UPDATE job SET v = 1 WHERE id = 1")
print("sessions  blocked  median ms  worst ms  CPU ms  server's part ms")
for want in (10, 100, 500):
    while len(sessions) < want:
        cur = one(len(sessions))
        if len(sessions) % 10 == 0:
            threads.append(threading.Thread(target=wait, args=(cur,), daemon=True))
            threads[-1].start()
    time.sleep(1)
    wall, cpu, server = [], [], []
    for _ in range(15):
        before, t = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run([prof, "pg", url], check=True, stdout=subprocess.DEVNULL)
        wall.append(1e3 * (time.monotonic() - t))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    print(f"{want:8}  {len(threads):7}  {statistics.median(wall):9.1f}  {max(wall):8.1f}  {statistics.median(cpu):6.1f}  "
          f"{statistics.median(wall) - statistics.median(cpu):16.1f}")
os._exit(0)
EOP
