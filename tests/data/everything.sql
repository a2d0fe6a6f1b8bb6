-- A database that holds one of everything that a dump has to carry over. For psql in the database postgres of a new cluster,
-- as the superuser, after  \set database 'NAME'.
SET allow_in_place_tablespaces = true;
CREATE TABLESPACE "fast disk" LOCATION '';

CREATE ROLE doctor LOGIN PASSWORD 'only-the-doctor-knows' CREATEDB CONNECTION LIMIT 7 VALID UNTIL '2099-12-31 00:00:00+00';
CREATE ROLE nurse NOLOGIN;
CREATE ROLE "Schwester ""Änne""" LOGIN PASSWORD 'only-änne-knows' IN ROLE nurse;
CREATE ROLE auditor LOGIN BYPASSRLS NOINHERIT;
GRANT nurse TO doctor WITH ADMIN OPTION;
GRANT pg_monitor TO auditor;
COMMENT ON ROLE doctor IS 'Dr. O''Neill: "the boss"';
ALTER ROLE doctor SET search_path = "$user", clinic, public;
ALTER ROLE auditor SET statement_timeout = '10min';

CREATE DATABASE :"database" TEMPLATE template0 OWNER doctor ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'
    LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' CONNECTION LIMIT 50;
COMMENT ON DATABASE :"database" IS E'The clinic\'s records;\nsecond line -- no comment, \\ no escape';
ALTER DATABASE :"database" SET search_path = clinic, "odd.schema ""quoted""", public;
ALTER DATABASE :"database" SET "DateStyle" = 'ISO, DMY';
ALTER DATABASE :"database" SET app.greeting = 'it''s a \ backslash, and a comma';
ALTER DATABASE :"database" SET temp_tablespaces = '';
ALTER ROLE "Schwester ""Änne""" IN DATABASE :"database" SET search_path = '"$user"', clinic;
ALTER ROLE nurse IN DATABASE :"database" SET work_mem = '8MB';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO nurse WITH GRANT OPTION;
SET ROLE nurse;
GRANT CONNECT ON DATABASE :"database" TO auditor;
RESET ROLE;

\connect :"database"
SET client_min_messages = warning;

-- Extensions: trusted, not trusted, in a schema of their own, with a type that tables use.
CREATE SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
CREATE EXTENSION file_fdw SCHEMA ext;
COMMENT ON EXTENSION citext IS 'names are compared without case';

CREATE SCHEMA clinic AUTHORIZATION doctor;
CREATE SCHEMA "odd.schema ""quoted""";
COMMENT ON SCHEMA clinic IS 'records';
SET search_path = clinic, ext;
SET ROLE doctor;
RESET ROLE;
GRANT USAGE ON SCHEMA ext TO PUBLIC;
GRANT USAGE ON SCHEMA clinic TO nurse, auditor;
GRANT CREATE ON SCHEMA clinic TO nurse WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE doctor IN SCHEMA clinic GRANT SELECT ON TABLES TO auditor;
ALTER DEFAULT PRIVILEGES FOR ROLE doctor REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Collations.
CREATE COLLATION clinic.german (PROVIDER = icu, LOCALE = 'de-AT');
CREATE COLLATION clinic.caseless (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
COMMENT ON COLLATION clinic.caseless IS 'ä = Ä';

-- Types: enum, domains, composite, range, base.
CREATE TYPE clinic.severity AS ENUM ('low', 'it''s bad', 'sehr schlimm', E'line\nbreak');
ALTER TYPE clinic.severity ADD VALUE 'medium' AFTER 'low';
CREATE DOMAIN clinic.weight AS numeric(6,2) DEFAULT 70 CONSTRAINT positive CHECK (VALUE > 0) NOT NULL;
CREATE DOMAIN clinic.email AS ext.citext CONSTRAINT has_at CHECK (VALUE ~ '@');
CREATE TYPE clinic.address AS (street text COLLATE clinic.german, "zip code" varchar(10), "lat,lon" point);
CREATE TYPE clinic.dose_range AS RANGE (subtype = numeric, multirange_type_name = clinic.dose_ranges);
COMMENT ON TYPE clinic.severity IS 'how bad';
COMMENT ON DOMAIN clinic.weight IS 'kg';
COMMENT ON COLUMN clinic.address."zip code" IS 'PLZ';
ALTER TYPE clinic.severity OWNER TO doctor;
CREATE TYPE clinic.tag;
CREATE FUNCTION clinic.tag_in(cstring) RETURNS clinic.tag LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION clinic.tag_out(clinic.tag) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE clinic.tag (INPUT = clinic.tag_in, OUTPUT = clinic.tag_out, LIKE = text);

-- Functions whose bodies look like the dump's own lines.
CREATE FUNCTION clinic.looks_like_a_dump() RETURNS text LANGUAGE plpgsql STABLE AS $body$
BEGIN
    RETURN $inner$
COPY clinic.patient (id, name) FROM stdin;
1	not a row
\.
--
-- PostgreSQL database dump complete
--

\unrestrict no
$inner$;
END
$body$;
CREATE FUNCTION clinic.age_in_years(born date, at date DEFAULT current_date) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 5 RETURN extract(year FROM age(at, born))::integer;
CREATE FUNCTION clinic.quoted(text, VARIADIC more text[] DEFAULT '{}') RETURNS text LANGUAGE sql LEAKPROOF
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT $1 || ''it''''s \'' || array_to_string($2, '','')';
CREATE PROCEDURE clinic.nothing(INOUT n integer) LANGUAGE plpgsql AS 'BEGIN n := n + 1; END';
CREATE FUNCTION clinic.random_c() RETURNS double precision LANGUAGE internal VOLATILE AS 'drandom';
COMMENT ON FUNCTION clinic.age_in_years(date, date) IS E'COPY clinic.patient FROM stdin;\n1\tno row\n\\.\n';
ALTER FUNCTION clinic.looks_like_a_dump() OWNER TO doctor;
REVOKE ALL ON FUNCTION clinic.looks_like_a_dump() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clinic.looks_like_a_dump() TO nurse;

-- Aggregate, operators, operator class, casts.
CREATE AGGREGATE clinic.longest(text) (SFUNC = textcat, STYPE = text, INITCOND = '');
CREATE FUNCTION clinic.same_address(clinic.address, clinic.address) RETURNS boolean LANGUAGE sql IMMUTABLE
    AS 'SELECT ($1)."zip code" IS NOT DISTINCT FROM ($2)."zip code"';
CREATE OPERATOR clinic.=== (LEFTARG = clinic.address, RIGHTARG = clinic.address, FUNCTION = clinic.same_address,
    COMMUTATOR = OPERATOR(clinic.===), RESTRICT = eqsel);
CREATE OPERATOR FAMILY clinic.numbers USING btree;
CREATE OPERATOR CLASS clinic.number_ops FOR TYPE integer USING btree FAMILY clinic.numbers AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE CAST (clinic.tag AS text) WITHOUT FUNCTION;
CREATE FUNCTION clinic.severity_number(clinic.severity) RETURNS integer LANGUAGE sql IMMUTABLE
    AS 'SELECT length($1::text)';
CREATE CAST (clinic.severity AS integer) WITH FUNCTION clinic.severity_number(clinic.severity) AS ASSIGNMENT;
CREATE CONVERSION clinic.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- Text search.
CREATE TEXT SEARCH DICTIONARY clinic.short (TEMPLATE = pg_catalog.simple, STOPWORDS = 'german', ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION clinic.german (COPY = pg_catalog.german);
ALTER TEXT SEARCH CONFIGURATION clinic.german ALTER MAPPING FOR asciiword WITH clinic.short, german_stem;
CREATE TEXT SEARCH PARSER clinic.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE clinic.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);

-- Tables: every kind of column, in another tablespace, unlogged, inherited, of a type.
CREATE SEQUENCE clinic.case_number AS bigint START 1000 INCREMENT -7 MINVALUE -100000 MAXVALUE 2000 CACHE 3 CYCLE;
CREATE TABLE clinic.patient (
    id integer GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5) PRIMARY KEY,
    name text COLLATE clinic.german NOT NULL,
    mail clinic.email UNIQUE,
    born date CHECK (born > '1850-01-01'),
    weight clinic.weight,
    address clinic.address,
    severity clinic.severity DEFAULT 'low',
    doses clinic.dose_ranges,
    tags clinic.tag,
    notes jsonb DEFAULT '{"it''s": "a \\ default"}',
    picture bytea COMPRESSION pglz,
    matrix integer[][],
    case_number bigint DEFAULT nextval('clinic.case_number'),
    search tsvector GENERATED ALWAYS AS (to_tsvector('pg_catalog.german', name)) STORED,
    seen timestamptz DEFAULT now(),
    dropped integer
) WITH (fillfactor = 80, autovacuum_enabled = false);
ALTER SEQUENCE clinic.case_number OWNED BY clinic.patient.case_number;
ALTER TABLE clinic.patient DROP COLUMN dropped;
ALTER TABLE clinic.patient ALTER COLUMN name SET STATISTICS 500, ALTER COLUMN name SET (n_distinct = -0.5);
ALTER TABLE clinic.patient ALTER COLUMN notes SET STORAGE EXTERNAL;
ALTER TABLE clinic.patient OWNER TO doctor;
INSERT INTO clinic.patient (name, mail, born, weight, address, severity, doses, tags, picture, matrix)
SELECT 'Patient ' || n
           || CASE n % 5 WHEN 0 THEN E'\ttab\nline\\back' WHEN 1 THEN ' Müller-Ößt 🩺' WHEN 2 THEN '\.' ELSE '' END,
       'p' || n || '@Example.org', '1950-01-01'::date + n * 37, n + 0.25,
       row('Straße "' || n || '", (x)', '10' || n, point(n, -n))::clinic.address,
       (enum_range(NULL::clinic.severity))[n % 5 + 1], format('{[%s,%s)}', n, n + 5)::clinic.dose_ranges,
       ('tag ' || n)::clinic.tag, decode(md5(n::text), 'hex'), ARRAY[[n, 2], [3, NULL]]
FROM generate_series(1, 200) AS n;
INSERT INTO clinic.patient (name)
VALUES (''), ('NULL'), (E'\\N'), (E'\\.'), (E'COPY clinic.patient FROM stdin;\n\\.\n');

CREATE TABLE clinic.visit (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    patient integer NOT NULL REFERENCES clinic.patient ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    room integer,
    during tstzrange,
    follows bigint REFERENCES clinic.visit,
    CONSTRAINT one_at_a_time EXCLUDE USING gist (room WITH =, during WITH &&)
) TABLESPACE "fast disk";
ALTER TABLE clinic.visit ADD CONSTRAINT later CHECK (room < 1000) NOT VALID;
INSERT INTO clinic.visit (patient, room, during, follows)
SELECT 10 + 5 * (n % 100), n % 9, tstzrange(to_timestamp(n * 10000), to_timestamp(n * 10000 + 900)), NULLIF(n - 1, 0)
FROM generate_series(1, 300) AS n;
CREATE UNLOGGED TABLE clinic.scratch AS SELECT n FROM generate_series(1, 10) AS n;
CREATE TABLE clinic.staff OF clinic.address (PRIMARY KEY ("zip code"));
INSERT INTO clinic.staff VALUES ('A', '1010', NULL);
CREATE TABLE clinic.person (name text, CHECK (name <> ''));
CREATE TABLE clinic.relative (of integer) INHERITS (clinic.person);
INSERT INTO clinic.relative VALUES ('Aunt', 1), ('Uncle', 2);
CREATE TABLE clinic.empty ();
CREATE TABLE clinic.nothing_in_it (a integer, b text);
-- Two that refer to each other.
CREATE TABLE clinic.hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE clinic.egg (id integer PRIMARY KEY, hen integer REFERENCES clinic.hen);
INSERT INTO clinic.hen VALUES (1, 1);
INSERT INTO clinic.egg VALUES (1, 1);
ALTER TABLE clinic.hen ADD FOREIGN KEY (egg) REFERENCES clinic.egg;

-- Partitions, of partitions too, with data.
CREATE TABLE clinic.reading (at timestamptz NOT NULL, device integer NOT NULL, value double precision)
    PARTITION BY RANGE (at);
CREATE TABLE clinic.reading_2025 PARTITION OF clinic.reading FOR VALUES FROM ('2025-01-01Z') TO ('2026-01-01Z')
    PARTITION BY HASH (device);
CREATE TABLE clinic."reading_2025.0" PARTITION OF clinic.reading_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE clinic."reading_2025.1" PARTITION OF clinic.reading_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE clinic.reading_2026 PARTITION OF clinic.reading FOR VALUES FROM ('2026-01-01Z') TO ('2027-01-01Z')
    TABLESPACE "fast disk";
CREATE TABLE clinic.reading_rest PARTITION OF clinic.reading DEFAULT;
CREATE INDEX reading_at ON clinic.reading USING brin (at);
CREATE UNIQUE INDEX ON clinic.reading (at, device);
INSERT INTO clinic.reading
SELECT '2024-06-01Z'::timestamptz + n * interval '1 day 7 minutes', n % 5,
       CASE WHEN n % 50 = 0 THEN 'NaN' ELSE n / 3.0 END
FROM generate_series(1, 1000) AS n;

-- Names that nobody should choose.
CREATE TABLE "odd.schema ""quoted"""."Täble ""with"" all; of 'it'" (
    "select" integer,
    "column with
newline" text,
    " (FROM stdin;) " text,
    "ütf8 🩺" text,
    "a.b" text,
    "back\slash" text
);
INSERT INTO "odd.schema ""quoted"""."Täble ""with"" all; of 'it'"
VALUES (1, 'a', 'b', 'c', 'd', 'e\f'), (2, NULL, '', '\', E'\r', E'\x01\x7f');
CREATE TABLE "odd.schema ""quoted"""."line
break -- PostgreSQL database dump complete" ("COPY x FROM stdin;
" integer);
INSERT INTO "odd.schema ""quoted"""."line
break -- PostgreSQL database dump complete" VALUES (1), (2), (3);
COMMENT ON TABLE "odd.schema ""quoted"""."line
break -- PostgreSQL database dump complete"
    IS E'\n--\n-- PostgreSQL database dump complete\n--\n\nCOPY a.b (c) FROM stdin;\n1\n\\.\n';
CREATE TABLE clinic."UPPER" ("Mixed" integer DEFAULT 1);
CREATE TABLE clinic."postgresql://x/y?z=1" (v integer);

-- Indexes and statistics.
CREATE INDEX patient_name ON clinic.patient USING gin (name COLLATE "C" ext.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX "patient (born)" ON clinic.patient (born DESC NULLS LAST) INCLUDE (weight) WHERE severity <> 'low';
CREATE INDEX patient_lower ON clinic.patient (lower(name) COLLATE "C" text_pattern_ops) TABLESPACE "fast disk";
CREATE INDEX visit_room ON clinic.visit (room clinic.number_ops);
ALTER TABLE clinic.visit CLUSTER ON visit_room;
CREATE UNIQUE INDEX patient_mail ON clinic.patient (mail, id) NULLS NOT DISTINCT;
CREATE STATISTICS clinic.born_weight (dependencies, ndistinct) ON born, weight FROM clinic.patient;
ALTER STATISTICS clinic.born_weight SET STATISTICS 300;
ALTER TABLE clinic.staff REPLICA IDENTITY FULL;

-- Views, rules, triggers.
CREATE VIEW clinic.grown_up WITH (security_barrier = true, security_invoker = true) AS
    SELECT id, name FROM clinic.patient WHERE born < '2000-01-01' WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW clinic.per_severity AS
    SELECT severity, count(*) AS patients FROM clinic.patient GROUP BY severity;
CREATE UNIQUE INDEX ON clinic.per_severity (severity);
CREATE MATERIALIZED VIEW clinic.not_filled AS SELECT 1 AS one WITH NO DATA;
CREATE RECURSIVE VIEW clinic.chain (id, depth) AS
    SELECT id, 0 FROM clinic.visit WHERE follows IS NULL
    UNION ALL SELECT v.id, depth + 1 FROM clinic.visit v JOIN chain c ON v.follows = c.id;
CREATE TABLE clinic.log (at timestamptz DEFAULT now(), what text);
CREATE RULE no_delete AS ON DELETE TO clinic.staff DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO clinic.nothing_in_it
    DO ALSO INSERT INTO clinic.log (what) VALUES ('insert; it''s');
CREATE FUNCTION clinic.write_log() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO clinic.log (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER "log it" AFTER INSERT OR UPDATE OF name ON clinic.patient
    FOR EACH STATEMENT EXECUTE FUNCTION clinic.write_log();
CREATE TRIGGER changed AFTER UPDATE ON clinic.visit REFERENCING OLD TABLE AS was NEW TABLE AS "is"
    FOR EACH STATEMENT EXECUTE FUNCTION clinic.write_log();
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON clinic.reading_2026 DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.value > 5) EXECUTE FUNCTION clinic.write_log();
ALTER TABLE clinic.visit DISABLE TRIGGER changed;
ALTER TABLE clinic.patient ENABLE ALWAYS TRIGGER "log it";
CREATE FUNCTION clinic.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch_ddl ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE')
    EXECUTE FUNCTION clinic.on_ddl();
COMMENT ON EVENT TRIGGER watch_ddl IS 'sees tables come and go';

-- Row-level security, forced too.
ALTER TABLE clinic.visit ENABLE ROW LEVEL SECURITY;
ALTER TABLE clinic.visit FORCE ROW LEVEL SECURITY;
ALTER TABLE clinic.visit OWNER TO doctor;
CREATE POLICY own ON clinic.visit FOR SELECT TO nurse, "Schwester ""Änne""" USING (room < 5);
CREATE POLICY "may; write" ON clinic.visit AS RESTRICTIVE FOR ALL USING (true) WITH CHECK (patient > 0);

-- Rights, on columns too.
GRANT SELECT, INSERT ON clinic.patient TO nurse WITH GRANT OPTION;
GRANT UPDATE (name, "notes") ON clinic.patient TO "Schwester ""Änne""";
GRANT SELECT ON clinic.log TO PUBLIC;
GRANT USAGE ON SEQUENCE clinic.case_number TO nurse;
REVOKE USAGE ON TYPE clinic.severity FROM PUBLIC;
GRANT USAGE ON TYPE clinic.severity TO nurse;
COMMENT ON COLUMN clinic.patient.name IS 'Ü';
COMMENT ON CONSTRAINT one_at_a_time ON clinic.visit IS 'no two in one room';
COMMENT ON INDEX clinic."patient (born)" IS 'it''s an index';

-- Foreign data.
CREATE SERVER elsewhere TYPE 'archive' VERSION '1' FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host 'archive.example.org', dbname 'it''s');
CREATE USER MAPPING FOR doctor SERVER elsewhere OPTIONS (user 'reader');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'guest');
CREATE FOREIGN TABLE clinic.archived (id integer OPTIONS (column_name 'ID') NOT NULL, name text)
    SERVER elsewhere OPTIONS (schema_name 'old', table_name 'patient');
GRANT USAGE ON FOREIGN SERVER elsewhere TO nurse;
CREATE FOREIGN DATA WRAPPER nowhere OPTIONS (debug 'true');

-- Publications.
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, delete');
CREATE PUBLICATION part FOR TABLE clinic.staff, clinic.patient (id, name) WHERE (id > 20);
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA "odd.schema ""quoted""";
GRANT CREATE ON DATABASE :"database" TO doctor;
ALTER PUBLICATION part OWNER TO doctor;

-- Large objects.
SELECT lo_from_bytea(424242, decode(repeat('00ff5c0a', 2000), 'hex')), lo_from_bytea(424243, '') \gset ignored_
ALTER LARGE OBJECT 424242 OWNER TO doctor;
GRANT SELECT ON LARGE OBJECT 424242 TO nurse;
COMMENT ON LARGE OBJECT 424242 IS 'an x-ray';

-- Sequences where they stand, views with what they hold, a table that is stored in another way.
SELECT nextval('clinic.case_number') AS a, setval('clinic.visit_id_seq', 5000, false) AS b \gset ignored_
REFRESH MATERIALIZED VIEW clinic.per_severity;
CREATE ACCESS METHOD heap_again TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE clinic.in_heap_again (n integer) USING heap_again;
INSERT INTO clinic.in_heap_again VALUES (1), (2);
