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
    -- Who the site makes of us: the statement that ends it.
    'made_into', (
        SELECT CASE WHEN s.setrole = 0 THEN format('ALTER DATABASE %I RESET role;', d.datname)
                    WHEN s.setdatabase = 0 THEN format('ALTER ROLE %I RESET role;', session_user)
                    ELSE format('ALTER ROLE %I IN DATABASE %I RESET role;', session_user, d.datname) END
        FROM pg_catalog.pg_db_role_setting s
        JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database(),
             unnest(s.setconfig) AS line (text)
        WHERE session_user <> current_user
          AND s.setdatabase IN (0, d.oid)
          AND s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
          AND line.text LIKE 'role=%'
        ORDER BY s.setrole <> 0 AND s.setdatabase <> 0 DESC, s.setrole <> 0 DESC
        LIMIT 1
    ),
    'login', session_user,
    -- Owners of large objects that the role may not read, with how many of each; superusers together as one without a name.
    'unreadable_large_objects', (
        SELECT coalesce(jsonb_object_agg(owner, count), '{}')
        FROM (
            SELECT CASE WHEN o.rolsuper THEN '' ELSE o.rolname END AS owner, count(*)
            FROM pg_catalog.pg_largeobject_metadata l
            JOIN pg_catalog.pg_roles o ON o.oid = l.lomowner
            WHERE NOT current_setting('lo_compat_privileges')::boolean AND NOT ({MAY_READ_LARGE_OBJECT})
            GROUP BY 1
        ) AS unreadable
    ),
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
