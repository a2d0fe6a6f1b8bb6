-- What a restore has to know of the database that is connected to, as one JSON document of the form of `Answer`. Rows of
-- catalogs go through to_jsonb where their columns differ between versions of PostgreSQL: one that is not there is null.
WITH RECURSIVE
this AS (
    SELECT d.*, to_jsonb(d) AS j
    FROM pg_catalog.pg_database d
    WHERE d.datname = pg_catalog.current_database()
),
-- Objects of the database itself: not those of PostgreSQL (below 16384) and not those of its extensions.
object (class, oid, owner, superuser_only) AS (
    SELECT 'pg_catalog.pg_namespace'::regclass, oid, nspowner, NULL FROM pg_catalog.pg_namespace
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, oid, relowner, NULL FROM pg_catalog.pg_class
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, p.oid, p.proowner,
           CASE WHEN NOT l.lanpltrusted AND l.lanname <> 'sql'
                THEN format('function %s in language %I', p.oid::regprocedure, l.lanname)
                WHEN p.proleakproof THEN format('leakproof function %s', p.oid::regprocedure) END
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, oid, typowner,
           CASE WHEN typtype = 'b' AND typcategory <> 'A' THEN format('base type %s', oid::regtype) END
    FROM pg_catalog.pg_type
    UNION ALL
    SELECT 'pg_catalog.pg_language'::regclass, oid, lanowner, format('language %I', lanname) FROM pg_catalog.pg_language
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::regclass, oid, oprowner, NULL FROM pg_catalog.pg_operator
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::regclass, oid, opcowner, format('operator class %I', opcname) FROM pg_catalog.pg_opclass
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::regclass, oid, opfowner, format('operator family %I', opfname)
    FROM pg_catalog.pg_opfamily
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::regclass, oid, collowner, NULL FROM pg_catalog.pg_collation
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::regclass, oid, conowner, NULL FROM pg_catalog.pg_conversion
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::regclass, oid, dictowner, NULL FROM pg_catalog.pg_ts_dict
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::regclass, oid, cfgowner, NULL FROM pg_catalog.pg_ts_config
    UNION ALL
    SELECT 'pg_catalog.pg_ts_parser'::regclass, oid, NULL, format('text search parser %I', prsname)
    FROM pg_catalog.pg_ts_parser
    UNION ALL
    SELECT 'pg_catalog.pg_ts_template'::regclass, oid, NULL, format('text search template %I', tmplname)
    FROM pg_catalog.pg_ts_template
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::regclass, oid, NULL,
           CASE castmethod WHEN 'b' THEN format('cast from %s to %s', castsource::regtype, casttarget::regtype) END
    FROM pg_catalog.pg_cast
    UNION ALL
    SELECT 'pg_catalog.pg_am'::regclass, oid, NULL, format('access method %I', amname) FROM pg_catalog.pg_am
    UNION ALL
    SELECT 'pg_catalog.pg_event_trigger'::regclass, oid, evtowner, format('event trigger %I', evtname)
    FROM pg_catalog.pg_event_trigger
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, fdwowner, format('foreign-data wrapper %I', fdwname)
    FROM pg_catalog.pg_foreign_data_wrapper
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, srvowner, NULL FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::regclass, oid, pubowner,
           CASE WHEN puballtables THEN format('publication %I for all tables', pubname) END
    FROM pg_catalog.pg_publication
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::regclass, oid, stxowner, NULL FROM pg_catalog.pg_statistic_ext
    UNION ALL
    SELECT 'pg_catalog.pg_largeobject_metadata'::regclass, oid, lomowner, NULL FROM pg_catalog.pg_largeobject_metadata
),
own_object AS (
    SELECT *
    FROM object o
    WHERE o.oid >= 16384
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'
      )
),
extension AS (
    SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema,
           coalesce((to_jsonb(v) ->> 'trusted')::boolean, false) OR NOT coalesce(v.superuser, true) AS trusted
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
    WHERE e.oid >= 16384
),
setting AS (
    SELECT s.setrole AS role, line.text AS assignment, line.place
    FROM pg_catalog.pg_db_role_setting s
    JOIN this ON this.oid = s.setdatabase,
         unnest(s.setconfig) WITH ORDINALITY AS line (text, place)
),
-- The owner of a cluster is in no list of dependencies, so the owners of everything are added to it.
needed_role (oid) AS (
    SELECT d.refobjid
    FROM pg_catalog.pg_shdepend d, this
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
      AND (d.dbid = this.oid
           OR d.dbid = 0 AND d.classid = 'pg_catalog.pg_database'::regclass AND d.objid = this.oid)
    UNION
    SELECT datdba FROM this
    UNION
    SELECT owner FROM own_object WHERE owner IS NOT NULL
    UNION
    SELECT role FROM setting WHERE role <> 0
    UNION
    SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN needed_role n ON n.oid = m.member
),
role AS (
    SELECT r.*
    FROM pg_catalog.pg_roles r
    WHERE r.rolname !~ '^pg_' AND r.oid IN (SELECT oid FROM needed_role)
)
SELECT jsonb_build_object(
    'database', (
        SELECT jsonb_build_object(
            'name', datname,
            'owner', pg_catalog.pg_get_userbyid(datdba),
            'encoding', pg_catalog.pg_encoding_to_char(encoding),
            'collate', datcollate,
            'ctype', datctype,
            'locale_provider', CASE j ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
            'locale', coalesce(j ->> 'datlocale', j ->> 'daticulocale'),
            'icu_rules', j ->> 'daticurules',
            'tablespace', (SELECT spcname FROM pg_catalog.pg_tablespace t WHERE t.oid = dattablespace),
            'connection_limit', datconnlimit,
            'allow_connections', datallowconn,
            'is_template', datistemplate,
            'comment', pg_catalog.shobj_description(oid, 'pg_database')
        )
        FROM this
    ),
    'settings', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'role', CASE WHEN role <> 0 THEN pg_catalog.pg_get_userbyid(role) END,
            'name', split_part(assignment, '=', 1),
            'value', substr(assignment, strpos(assignment, '=') + 1)
        ) ORDER BY role <> 0, pg_catalog.pg_get_userbyid(role), place), '[]')
        FROM setting
    ),
    'grants', (
        SELECT CASE WHEN datacl IS NOT NULL THEN (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'grantor', pg_catalog.pg_get_userbyid(grantor),
                'grantee', CASE WHEN grantee <> 0 THEN pg_catalog.pg_get_userbyid(grantee) END,
                'privilege', privilege_type,
                'with_grant_option', is_grantable
            ) ORDER BY place), '[]')
            FROM pg_catalog.aclexplode(datacl)
                WITH ORDINALITY AS acl (grantor, grantee, privilege_type, is_grantable, place)
        ) END
        FROM this
    ),
    'security_labels', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'label', label) ORDER BY provider), '[]')
        FROM pg_catalog.pg_shseclabel l, this
        WHERE l.classoid = 'pg_catalog.pg_database'::regclass AND l.objoid = this.oid
    ),
    'extensions', (SELECT coalesce(jsonb_agg(to_jsonb(extension) ORDER BY name), '[]') FROM extension),
    'roles', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', rolname,
            'owns', oid IN (SELECT owner FROM own_object WHERE owner IS NOT NULL),
            'definition', jsonb_build_object(
                'superuser', rolsuper,
                'inherit', rolinherit,
                'create_role', rolcreaterole,
                'create_database', rolcreatedb,
                'login', rolcanlogin,
                'replication', rolreplication,
                'bypass_rls', rolbypassrls,
                'connection_limit', rolconnlimit,
                'valid_until', CASE WHEN isfinite(rolvaliduntil) THEN (rolvaliduntil AT TIME ZONE 'UTC')::text || '+00'
                                    ELSE rolvaliduntil::text END,
                'comment', pg_catalog.shobj_description(oid, 'pg_authid'),
                'member_of', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'role', pg_catalog.pg_get_userbyid(m.roleid),
                        'admin_option', m.admin_option,
                        'inherit_option', to_jsonb(m) -> 'inherit_option',
                        'set_option', to_jsonb(m) -> 'set_option'
                    ) ORDER BY pg_catalog.pg_get_userbyid(m.roleid)), '[]')
                    FROM pg_catalog.pg_auth_members m
                    WHERE m.member = role.oid
                ),
                'settings', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'role', rolname,
                        'name', split_part(line.text, '=', 1),
                        'value', substr(line.text, strpos(line.text, '=') + 1)
                    ) ORDER BY line.place), '[]')
                    FROM unnest(rolconfig) WITH ORDINALITY AS line (text, place)
                )
            )
        ) ORDER BY rolname), '[]')
        FROM role
    ),
    'tablespaces', (
        SELECT coalesce(jsonb_agg(DISTINCT spcname), '[]')
        FROM pg_catalog.pg_tablespace t
        JOIN pg_catalog.pg_class c ON c.reltablespace = t.oid
        WHERE t.spcname <> 'pg_global'
    ),
    'needs_superuser', (
        SELECT coalesce(jsonb_agg(what ORDER BY what), '[]')
        FROM (
            SELECT format('extension %I', name) AS what FROM extension WHERE NOT trusted
            UNION ALL
            SELECT superuser_only FROM own_object WHERE superuser_only IS NOT NULL
            UNION
            -- A dump gives rights on schemas after it gives things in them to their owners.
            SELECT format('what %I owns in the schema %I', pg_catalog.pg_get_userbyid(o.owner), n.nspname)
            FROM own_object o
            JOIN (
                SELECT oid, relnamespace AS namespace FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                UNION ALL
                SELECT oid, pronamespace FROM pg_catalog.pg_proc
            ) AS placed ON placed.oid = o.oid
            JOIN pg_catalog.pg_namespace n ON n.oid = placed.namespace
            JOIN pg_catalog.pg_roles r ON r.oid = o.owner
            WHERE o.class IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
              AND NOT r.rolsuper
              AND NOT pg_catalog.pg_has_role(
                  o.owner,
                  CASE pg_catalog.pg_get_userbyid(n.nspowner) WHEN 'pg_database_owner' THEN (SELECT datdba FROM this)
                                                              ELSE n.nspowner END,
                  'USAGE'
              )
        ) AS of_superusers
    )
);
