#!/bin/bash
# The fault twin of what is written about jobs into PostgreSQL, against a server of its own.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
pg_rig_need "writing about jobs while memory and system calls fail"
TWIN=$O/tests/fault/pg_jobs_fault
[ -x "$TWIN" ] || { skip "writing about jobs while memory and system calls fail" "$TWIN is not built" && exit 0; }
pg_rig_start || { not_ok "the server starts" && exit 1; }
"$EXPORT" bundle schema --vectors bytea >"$TMP/schema.sql" || exit 1
check "the tables are made" pg_sql_file "$TMP/schema.sql"
check "no failure leaves a half" env PROTEA_TEST_DB="$PG_URL" "$TWIN"
