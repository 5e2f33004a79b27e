# Statements through psycopg2 whose numbers are known, at $PG_URL, over t(id, x) of 1,000 rows:
#   select x from t where id = ?            250 calls, 250 rows, 125 sets: values put into the text by the client
#   select x from t where x in (?, ...)       5 calls,  50 rows, 5 sets
#   insert into u values (?, ?), ...          3 calls, 300 rows (pages of 100)
#   copy u from stdin … / copy u to stdout    1 call each, 2 and 302 rows
#   begin, commit                             1 call each
import io
import os

import psycopg2
from psycopg2.extras import execute_values

connection = psycopg2.connect(os.environ["PG_URL"])
cursor = connection.cursor()


def look_up(number):
    cursor.execute("SELECT x FROM t WHERE id = %s", (number,))
    assert cursor.fetchone() == ("v%d" % number,)


for i in range(250):
    look_up(i % 125 + 1)
for i in range(5):
    cursor.execute("select x from t where x in %s", (tuple("v%d" % (i * 10 + k + 1) for k in range(10)),))
    assert len(cursor.fetchall()) == 10
cursor.execute("create temp table u(a int, b text)")
execute_values(cursor, "insert into u values %s", [(i, "it's %d" % i) for i in range(300)])
cursor.copy_expert("copy u from stdin", io.StringIO("1\ta\n2\tb\n"))
out = io.StringIO()
cursor.copy_expert("copy u to stdout", out)
assert out.getvalue().count("\n") == 302
connection.commit()
connection.close()
