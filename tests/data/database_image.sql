-- A database as lines of JSON, one for each fact, without anything that differs between two databases that are the same:
-- no numbers of objects, no statistics, no ids of transactions. Two are the same when these lines are. Columns that not
-- every version from 15 to 18 has are taken from the row as JSON: there one that does not exist is null.
SET search_path = pg_catalog, pg_temp;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SET extra_float_digits = 3;

CREATE TEMPORARY VIEW own AS
SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

CREATE TEMPORARY VIEW rights AS
SELECT 'relation' AS of, oid, 'pg_class'::regclass AS class, relacl AS acl, relowner AS owner FROM pg_class
UNION ALL SELECT 'schema', oid, 'pg_namespace'::regclass, nspacl, nspowner FROM pg_namespace
UNION ALL SELECT 'function', oid, 'pg_proc'::regclass, proacl, proowner FROM pg_proc
UNION ALL SELECT 'type', oid, 'pg_type'::regclass, typacl, typowner FROM pg_type
UNION ALL SELECT 'language', oid, 'pg_language'::regclass, lanacl, lanowner FROM pg_language
UNION ALL SELECT 'wrapper', oid, 'pg_foreign_data_wrapper'::regclass, fdwacl, fdwowner FROM pg_foreign_data_wrapper
UNION ALL SELECT 'server', oid, 'pg_foreign_server'::regclass, srvacl, srvowner FROM pg_foreign_server
UNION ALL SELECT 'large object', oid, 'pg_largeobject'::regclass, lomacl, lomowner FROM pg_largeobject_metadata
UNION ALL SELECT 'operator', oid, 'pg_operator'::regclass, NULL, oprowner FROM pg_operator
UNION ALL SELECT 'operator class', oid, 'pg_opclass'::regclass, NULL, opcowner FROM pg_opclass
UNION ALL SELECT 'operator family', oid, 'pg_opfamily'::regclass, NULL, opfowner FROM pg_opfamily
UNION ALL SELECT 'collation', oid, 'pg_collation'::regclass, NULL, collowner FROM pg_collation
UNION ALL SELECT 'conversion', oid, 'pg_conversion'::regclass, NULL, conowner FROM pg_conversion
UNION ALL SELECT 'publication', oid, 'pg_publication'::regclass, NULL, pubowner FROM pg_publication
UNION ALL SELECT 'event trigger', oid, 'pg_event_trigger'::regclass, NULL, evtowner FROM pg_event_trigger
UNION ALL SELECT 'statistics', oid, 'pg_statistic_ext'::regclass, NULL, stxowner FROM pg_statistic_ext
UNION ALL SELECT 'dictionary', oid, 'pg_ts_dict'::regclass, NULL, dictowner FROM pg_ts_dict
UNION ALL SELECT 'configuration', oid, 'pg_ts_config'::regclass, NULL, cfgowner FROM pg_ts_config
UNION ALL SELECT 'parser', oid, 'pg_ts_parser'::regclass, NULL, NULL FROM pg_ts_parser
UNION ALL SELECT 'template', oid, 'pg_ts_template'::regclass, NULL, NULL FROM pg_ts_template
UNION ALL SELECT 'cast', oid, 'pg_cast'::regclass, NULL, NULL FROM pg_cast
UNION ALL SELECT 'access method', oid, 'pg_am'::regclass, NULL, NULL FROM pg_am;

-- Everything that there is, whose it is, and who may do what with it.
SELECT jsonb_build_array('object', r.of, i.identity, pg_get_userbyid(r.owner), (
           SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(r.acl) AS a
       ))
FROM rights r, pg_identify_object(r.class, r.oid, 0) AS i
WHERE r.oid >= 16384 AND i.identity !~ 'pg_(toast|temp)' AND i.identity IS NOT NULL
ORDER BY r.of, i.identity COLLATE "C";
SELECT jsonb_build_array('rights of public schema', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'public';

-- The database itself.
SELECT jsonb_build_array('database', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,
           datlocprovider, coalesce(to_jsonb(d) -> 'datlocale', to_jsonb(d) -> 'daticulocale'),
           to_jsonb(d) -> 'daticurules', datconnlimit, datistemplate, datallowconn, datacl::text,
           shobj_description(oid, 'pg_database'), (SELECT spcname FROM pg_tablespace t WHERE t.oid = dattablespace))
FROM pg_database d WHERE datname = current_database();
SELECT jsonb_build_array('setting', pg_get_userbyid(setrole), setconfig)
FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1;
SELECT jsonb_build_array('extension', extname, extversion, extnamespace::regnamespace) FROM pg_extension ORDER BY 1;

-- Relations, column by column.
SELECT jsonb_build_array('relation', name, relkind, relpersistence, relrowsecurity, relforcerowsecurity, relreplident,
           relispopulated, reloptions, (SELECT spcname FROM pg_tablespace t WHERE t.oid = reltablespace),
           (SELECT amname FROM pg_am a WHERE a.oid = relam), reloftype::regtype, relispartition,
           pg_get_expr(relpartbound, oid), CASE relkind WHEN 'p' THEN pg_get_partkeydef(oid) END)
FROM own ORDER BY name COLLATE "C";
SELECT jsonb_build_array('inherits', inhrelid::regclass, inhparent::regclass, inhseqno) FROM pg_inherits ORDER BY 1;
-- Numbered afresh: a dump does not carry over the place of a column that was dropped.
SELECT jsonb_build_array('column', name, row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
           format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
           CASE WHEN attcollation <> 0 THEN attcollation::regcollation END, attstorage, attcompression, attstattarget,
           attoptions, attfdwoptions, attacl::text, attislocal, attinhcount,
           (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d WHERE d.adrelid = attrelid AND d.adnum = attnum))
FROM pg_attribute JOIN own ON own.oid = attrelid
WHERE attnum > 0 AND NOT attisdropped
ORDER BY name COLLATE "C", attnum;
SELECT jsonb_build_array('constraint', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text), conname,
           pg_get_constraintdef(oid), convalidated, condeferrable, condeferred, conislocal, coninhcount)
FROM pg_constraint WHERE oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('index', pg_get_indexdef(indexrelid), indisclustered, indisreplident, indisvalid, indisprimary)
FROM pg_index JOIN own ON own.oid = indrelid ORDER BY 1;
SELECT jsonb_build_array('sequence', schemaname, sequencename, data_type, start_value, min_value, max_value,
           increment_by, cycle, cache_size, last_value)
FROM pg_sequences ORDER BY 1;

-- What runs.
SELECT jsonb_build_array('function', pg_get_functiondef(oid))
FROM pg_proc WHERE oid >= 16384 AND prokind <> 'a' ORDER BY oid::regprocedure::text COLLATE "C";
SELECT jsonb_build_array('aggregate', aggfnoid::regprocedure, aggtransfn, aggfinalfn, aggtranstype::regtype, agginitval)
FROM pg_aggregate WHERE aggfnoid::oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('trigger', pg_get_triggerdef(oid), tgenabled)
FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1;
SELECT jsonb_build_array('event trigger', evtname, evtevent, evtenabled, evttags, evtfoid::regprocedure)
FROM pg_event_trigger ORDER BY 1;
SELECT jsonb_build_array('rule', pg_get_ruledef(r.oid), ev_enabled)
FROM pg_rewrite r JOIN own ON own.oid = ev_class ORDER BY 1;
SELECT jsonb_build_array('policy', to_jsonb(p)) FROM pg_policies p ORDER BY 1;

-- Types and what belongs to them.
SELECT jsonb_build_array('type', oid::regtype, typtype, typcategory, typnotnull, typdefault, typbasetype::regtype,
           format_type(typbasetype, typtypmod), typinput, typoutput, typstorage, typlen)
FROM pg_type WHERE oid >= 16384 AND oid::regtype::text !~ 'pg_(toast|temp)' ORDER BY 1;
SELECT jsonb_build_array('label', enumtypid::regtype, row_number() OVER (PARTITION BY enumtypid ORDER BY enumsortorder),
           enumlabel)
FROM pg_enum ORDER BY enumtypid::regtype::text COLLATE "C", enumsortorder;
SELECT jsonb_build_array('range', rngtypid::regtype, rngsubtype::regtype, rngmultitypid::regtype) FROM pg_range ORDER BY 1;
SELECT jsonb_build_array('collation', collnamespace::regnamespace, collname, collprovider, collisdeterministic,
           collcollate, collctype, coalesce(to_jsonb(c) -> 'colllocale', to_jsonb(c) -> 'colliculocale'),
           to_jsonb(c) -> 'collicurules')
FROM pg_collation c WHERE oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('cast', castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod)
FROM pg_cast WHERE oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('operator', oid::regoperator, oprcode, oprcom::regoperator, oprrest, oprjoin)
FROM pg_operator WHERE oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('operator of family', amopopr::regoperator, amopstrategy, f.opfname)
FROM pg_amop JOIN pg_opfamily f ON f.oid = amopfamily WHERE pg_amop.oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('mapping', mapcfg::regconfig, maptokentype, mapseqno, mapdict::regdictionary)
FROM pg_ts_config_map WHERE mapcfg >= 16384 ORDER BY 1;
SELECT jsonb_build_array('dictionary', oid::regdictionary, dictinitoption) FROM pg_ts_dict WHERE oid >= 16384 ORDER BY 1;
SELECT jsonb_build_array('statistics', pg_get_statisticsobjdef(oid), stxstattarget) FROM pg_statistic_ext ORDER BY 1;

-- What leads elsewhere.
SELECT jsonb_build_array('wrapper', fdwname, fdwoptions) FROM pg_foreign_data_wrapper ORDER BY 1;
SELECT jsonb_build_array('server', srvname, srvtype, srvversion,
           (SELECT array_agg(o ORDER BY o) FROM unnest(srvoptions) AS o)) FROM pg_foreign_server ORDER BY 1;
SELECT jsonb_build_array('user mapping', srvname, usename, umoptions) FROM pg_user_mappings ORDER BY 1;
SELECT jsonb_build_array('foreign table', ftrelid::regclass, ftoptions) FROM pg_foreign_table ORDER BY 1;
SELECT jsonb_build_array('publication', pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot)
FROM pg_publication ORDER BY 1;
SELECT jsonb_build_array('published', to_jsonb(t)) FROM pg_publication_tables t ORDER BY 1;
SELECT jsonb_build_array('published schema', pubname, pnnspid::regnamespace)
FROM pg_publication_namespace JOIN pg_publication p ON p.oid = pnpubid ORDER BY 1;

-- Words and defaults.
SELECT jsonb_build_array('comment', i.type, i.identity, description)
FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i
WHERE d.objoid >= 16384 OR i.type = 'schema' ORDER BY 1;
SELECT jsonb_build_array('default rights', pg_get_userbyid(defaclrole), nullif(defaclnamespace, 0)::regnamespace,
           defaclobjtype, defaclacl::text)
FROM pg_default_acl ORDER BY 1;

-- Every row and every large object, as their sums.
SELECT jsonb_build_array('rows', name, (xpath('/row/*/text()', query_to_xml(format(
           'SELECT count(*) || '' '' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"), '''')) AS s
            FROM ONLY %s AS t', name), true, true, '')))[1]::text)
FROM own WHERE relkind IN ('r', 'm') AND relispopulated ORDER BY name COLLATE "C";
SELECT jsonb_build_array('large object', oid, md5(lo_get(oid))) FROM pg_largeobject_metadata ORDER BY oid;
