-- Writes the Gene Ontology of r-bioc-go.db (GO.sqlite) as OBO 1.2; run by samples/sources.sh:
--   sqlite3 -readonly /usr/lib/R/site-library/GO.db/extdata/GO.sqlite < samples/go2022.sql > go-2022.obo
-- The package holds go-basic.obo of 2022-07-01 without definitions of relations; "all", its artificial
-- root, is left out.
.mode list
.separator ""
SELECT 'format-version: 1.2' || char(10) || 'data-version: releases/' || value || char(10) ||
       'remark: from the Debian package r-bioc-go.db' || char(10) || 'ontology: go'
  FROM metadata WHERE name = 'GOSOURCEDATE';
WITH
space(short, long) AS (
	VALUES ('BP', 'biological_process'), ('MF', 'molecular_function'), ('CC', 'cellular_component')),
edge(child, parent, type) AS (
	SELECT * FROM go_bp_parents UNION ALL SELECT * FROM go_mf_parents UNION ALL SELECT * FROM go_cc_parents),
line(id, part, text) AS (
	SELECT go_id, 0, char(10) || '[Term]' || char(10) || 'id: ' || go_id || char(10) ||
	       'name: ' || replace(term, '\', '\\') || char(10) || 'namespace: ' || long
	  FROM go_term JOIN space ON short = ontology
	UNION ALL
	SELECT go_id, 0, char(10) || '[Term]' || char(10) || 'id: ' || go_id || char(10) ||
	       'name: ' || replace(term, '\', '\\') || char(10) || 'namespace: ' || long || char(10) ||
	       'is_obsolete: true'
	  FROM go_obsolete JOIN space ON short = ontology
	 WHERE go_id NOT IN (SELECT go_id FROM go_term)
	UNION ALL
	SELECT DISTINCT go_id, 1, 'alt_id: ' || secondary
	  FROM go_synonym JOIN go_term USING (_id) WHERE secondary LIKE 'GO:%' AND secondary <> go_id
	UNION ALL
	SELECT DISTINCT c.go_id, 2, CASE type WHEN 'isa' THEN 'is_a: ' || p.go_id
	       ELSE 'relationship: ' || replace(type, ' ', '_') || ' ' || p.go_id END
	  FROM edge JOIN go_term c ON c._id = child JOIN go_term p ON p._id = parent
	 WHERE p.go_id <> 'all')
SELECT text FROM line ORDER BY id, part, text;
