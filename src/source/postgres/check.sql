-- What a backup has to know before it begins, as one JSON document. pg_dump locks every table and reads every row of it; what
-- belongs to an extension it leaves to the extension.
WITH dumped AS (
    SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name,
           has_schema_privilege(n.oid, 'USAGE') AS may_enter
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
)
SELECT jsonb_build_object(
    'role', current_user,
    'size_bytes', pg_catalog.pg_database_size(pg_catalog.current_database()),
    'unreadable', (
        SELECT coalesce(jsonb_agg(name ORDER BY name), '[]')
        FROM dumped
        WHERE NOT may_enter
           OR NOT CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'SELECT')
                               ELSE has_table_privilege(oid, 'SELECT') END
    ),
    'filtered', (
        SELECT coalesce(jsonb_agg(name ORDER BY name), '[]')
        FROM dumped
        WHERE relkind <> 'S' AND pg_catalog.row_security_active(oid)
    ),
    'reads_passwords', has_table_privilege('pg_catalog.pg_authid', 'SELECT')
);
