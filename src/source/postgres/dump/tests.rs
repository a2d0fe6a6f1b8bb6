//! Dumps that look like what they are not.

use proptest::prelude::*;

use super::*;

/// How a dump ends.
const END: &str = "--\n-- PostgreSQL database dump complete\n--\n\n";

fn scan_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Scanned, ScanError> {
    let mut scanner = DumpScanner::new();
    pieces.into_iter().for_each(|piece| scanner.feed(piece));
    scanner.finish()
}

fn scan(dump: &str) -> Result<Scanned, ScanError> {
    scan_pieces([dump.as_bytes()])
}

/// What `sql` holds as a whole dump, whether read at once or byte by byte.
fn found(sql: &str) -> Vec<(String, u64)> {
    let dump = format!("{sql}\n{END}");
    let scanned = scan(&dump).unwrap_or_else(|error| panic!("{error}: {sql}"));
    assert_eq!(scan_pieces(dump.as_bytes().chunks(1)).as_ref(), Ok(&scanned), "{sql}");
    scanned.rows.into_iter().map(|(name, rows)| (String::from_utf8(name).unwrap(), rows)).collect()
}

fn table(name: &str, rows: u64) -> (String, u64) {
    (name.to_owned(), rows)
}

/// Rows that must be found behind whatever came before.
const PROBE: &str = "\nCOPY public.probe (a) FROM stdin;\n1\n2\n\\.\n\n";

/// That `sql` holds no rows, and that what follows it is understood again.
fn fools_nobody(sql: &str) {
    assert_eq!(found(&format!("{sql}{PROBE}")), [table("public.probe", 2)], "{sql}");
}

#[test]
fn rows_are_counted_by_table_and_empty_tables_are_there() {
    let dump = "SET standard_conforming_strings = on;\n\
        COPY public.a (x, y) FROM stdin;\n1\t\\N\n2\ttwo\\nlines\n\\\\.\tx\n\\.\n\n\n\
        COPY public.empty (x) FROM stdin;\n\\.\n\n\n\
        COPY public.no_columns  FROM stdin;\n\n\n\\.\n\n\n\
        COPY s.text (t) FROM stdin;\nCOPY public.x FROM stdin;\n-- PostgreSQL database dump complete\n\\\\.\n\n\\.x\n\\.\n";
    let expected = [table("public.a", 3), table("public.empty", 0), table("public.no_columns", 2), table("s.text", 5)];
    assert_eq!(found(dump), expected);
}

#[test]
fn partitions_that_are_loaded_by_their_root_add_up() {
    let block = "COPY public.root (x) FROM stdin;\n1\n\\.\n";
    assert_eq!(found(&block.repeat(3)), [table("public.root", 3)]);
}

#[test]
fn names_may_hold_anything() {
    for name in [
        r#"public."from""#,
        r#""S 1"."t""x""#,
        "public.\"two\nlines\"",
        r#"public."COPY x FROM stdin;""#,
        r#"public."a (b) FROM stdin; -- ""$$'""#,
        r#"public."\.""#,
        "public.stdin",
        "public.straße$1",
    ] {
        for columns in ["(a, b)", "(\"FROM stdin;\n\", \"a)\"\"(\", \"--\", \"/*\", \"'\")", ""] {
            let sql = format!("COPY {name} {columns} FROM stdin;\n1\n2\n\\.\n");
            let expected = BTreeMap::from([table("public.probe", 2), table(name, 2)]);
            assert_eq!(found(&format!("{sql}{PROBE}")), Vec::from_iter(expected), "{sql}");
        }
    }
}

#[test]
fn what_only_looks_like_rows_fools_nobody() {
    let trap = format!("\nCOPY x FROM stdin;\n1\n\\.\n{END}");
    let doubled = trap.replace('\\', "\\\\");
    for sql in [
        format!("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '{trap}' $$;"),
        format!("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_X$ $_$ $$ $_ $X_X$ $_X {trap} $_$_X$;"),
        format!("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $é1$ {trap} $1$ $é$é1$;"),
        format!("COMMENT ON TABLE t IS 'it''s \\{trap}''';"),
        format!("COMMENT ON TABLE t IS E'it''s \\' \\\\''{trap}';"),
        format!("COMMENT ON TABLE t IS e'{doubled}\\\\';"),
        format!("COMMENT ON TABLE t IS U&'d\\0061{trap}';"),
        format!("CREATE TABLE \"{trap}\"\" ;\" (a text DEFAULT '\\');"),
        format!("/* /* {trap} */ /*/ {trap} */ {trap} **/ SELECT 1;"),
        "-- COPY x FROM stdin; '\n".to_owned(),
        "-- Name: it's; Type: COMMENT; /* $$ \"\n".to_owned(),
        "\\restrict '\n".to_owned(),
        "\\connect \"db $$\n".to_owned(),
        "CREATE TABLE name$$ (a integer DEFAULT 5-4/2 - 1, b$_$ text);".to_owned(),
        "PREPARE p AS SELECT $1::text, $2;".to_owned(),
        "SELECT ';', \";\", (SELECT ';');".to_owned(),
        format!("COPY x FROM '{trap}';"),
        "COPY (SELECT 1) TO stdout;".to_owned(),
        "SELECT copy FROM stdin;".to_owned(),
        "CREATE RULE r AS ON INSERT TO t DO ALSO ( INSERT INTO u VALUES (1); COPY x FROM stdin; );".to_owned(),
    ] {
        fools_nobody(&sql);
    }
}

#[test]
fn a_body_that_is_sql_itself_is_part_of_its_function() {
    let body = "BEGIN ATOMIC\n SELECT CASE WHEN a THEN CASE b WHEN 1 THEN 2 END ELSE (CASE WHEN c THEN 3 END) END;\n \
        SELECT pg_catalog.lo_create('1');\n COPY x FROM stdin;\nEND;";
    for head in
        ["CREATE FUNCTION f(a text DEFAULT CASE WHEN true THEN 1 END)", "CREATE OR REPLACE PROCEDURE s.\"end\"()"]
    {
        let sql = format!("{head}\n LANGUAGE sql\n {body}");
        fools_nobody(&sql);
        assert_eq!(scan(&format!("{sql}\n{END}")).unwrap().large_objects, 0);
    }
    fools_nobody("CREATE FUNCTION public.begin() RETURNS text LANGUAGE sql AS $$ SELECT 1 $$;");
    fools_nobody("CREATE FUNCTION public.f() RETURNS text LANGUAGE sql BEGIN ATOMIC END;");
    fools_nobody("BEGIN;\nCOMMIT;");
}

#[test]
fn backslashes_in_strings_mean_what_the_dump_says() {
    let set = |value| format!("SET standard_conforming_strings = {value};\n");
    fools_nobody(&format!("{}COMMENT ON TABLE t IS 'C:\\';", set("on")));
    fools_nobody(&format!("{}COMMENT ON TABLE t IS 'it\\'s;\nCOPY x FROM stdin;\n\\\\.\n';", set("off")));
    fools_nobody(&format!("{}{}COMMENT ON TABLE t IS 'C:\\';", set("off"), set("on")));
    fools_nobody(
        "CREATE FUNCTION f() RETURNS text LANGUAGE c SET standard_conforming_strings TO 'off' AS 'f';\n\
        COMMENT ON FUNCTION f() IS 'C:\\';",
    );
    fools_nobody("ALTER ROLE r SET standard_conforming_strings = off;\nCOMMENT ON ROLE r IS 'C:\\';");
}

#[test]
fn large_objects_are_counted_when_they_are_created() {
    let dump = format!(
        "SELECT pg_catalog.lo_create('16403');\nSELECT pg_catalog.lo_create('16404');\n\
        ALTER LARGE OBJECT 16403 OWNER TO x;\n\
        COMMENT ON LARGE OBJECT 16403 IS 'SELECT pg_catalog.lo_create(''1'');';\nBEGIN;\n\
        SELECT pg_catalog.lo_open('16403', 131072);\nSELECT pg_catalog.lowrite(0, '\\x27');\n\
        SELECT pg_catalog.lo_close(0);\nCOMMIT;\nSELECT pg_catalog.lo_unlink('16403');\n{END}"
    );
    assert_eq!(scan(&dump).unwrap(), Scanned { rows: BTreeMap::new(), large_objects: 2 });
}

#[test]
fn the_end_is_behind_everything() {
    for end in ["", "\n\\unrestrict abc\n", "\\unrestrict abc", "-- more\n/* more */\n"] {
        assert_eq!(scan(&format!("SELECT 1;\n{END}{end}")), Ok(Scanned::default()), "{end}");
    }
    assert_eq!(scan("-- PostgreSQL database dump complete"), Ok(Scanned::default()));
    let twice = format!("{END}SELECT 1;\n{END}");
    assert_eq!(scan(&twice), Ok(Scanned::default()));
    for dump in [
        String::new(),
        "SELECT 1;\n".to_owned(),
        format!("{END}SELECT 1;\n"),
        format!("{END};"),
        format!("{END}x"),
        format!("{END}-"),
        format!("{END}/* open"),
        format!("SELECT 1\n{END}"),
        format!("SELECT '\n{END}"),
        format!("SELECT $$\n{END}"),
        format!("SELECT (1;\n{END}"),
        format!("/*\n{END}"),
        "-- PostgreSQL database dump complet".to_owned(),
        "-- PostgreSQL database dump completed\n".to_owned(),
        "--  PostgreSQL database dump complete\n".to_owned(),
        "\\echo -- PostgreSQL database dump complete\n".to_owned(),
    ] {
        assert_eq!(scan(&dump), Err(ScanError::CutShort), "{dump}");
    }
}

#[test]
fn a_dump_cut_short_among_rows_names_the_table() {
    let cut = |rows: &str| scan(&format!("COPY public.\"T 1\" (a) FROM stdin;\n{rows}")).unwrap_err();
    for (rows, count) in [("", 0), ("1", 0), ("1\n2\n3", 2), ("1\n\\", 1), ("1\n\\.", 1), (END, 4)] {
        assert_eq!(cut(rows), ScanError::CutShortInTable { table: "public.\"T 1\"".to_owned(), rows: count }, "{rows}");
    }
    assert_eq!(cut("1\n").to_string(), "the dump was cut short after 1 rows of table public.\"T 1\"");
    assert_eq!(scan("COPY public.t (a) FROM stdin;"), Err(ScanError::CutShort));
}

#[test]
fn a_stream_that_is_no_dump_does_not_fill_the_memory() {
    for byte in [b'a', b'"', b'$', b'(', b'-', b'/'] {
        let mut scanner = DumpScanner::new();
        scanner.feed(b"COPY ");
        let piece = [&[byte][..], &vec![if byte == b'"' { b'x' } else { b'a' }; 1 << 20]].concat();
        (0..4).for_each(|_| scanner.feed(&piece));
        assert!(scanner.lexer.held_bytes() <= 4 * statement::LONGEST_WORD, "{}", char::from(byte));
    }
}

/// Pieces out of which dumps are made that confuse a reader who loses its place.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "COPY public.t (a) FROM stdin;\n",
        "COPY \"x\n;\".y  FROM stdin;\n",
        "\\.\n",
        "\\",
        ".",
        "\n",
        "1\t\\N\n",
        "\\\\.\n",
        "'",
        "''",
        "\\'",
        "E'",
        "$$",
        "$_$",
        "$a",
        "$",
        "\"",
        "\"\"",
        "--",
        "-",
        "/*",
        "*/",
        "/",
        "*",
        ";",
        "(",
        ")",
        "SET standard_conforming_strings = off;\n",
        "SELECT pg_catalog.lo_create('1');\n",
        "CREATE FUNCTION f() ",
        "BEGIN ATOMIC ",
        "END ",
        "CASE ",
        "\\restrict x\n",
        "-- PostgreSQL database dump complete\n",
        "é",
        " ",
    ]);
    prop::collection::vec(fragment, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(dump in fragments(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let bytes = dump.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let whole = scan(&dump);
        prop_assert_eq!(&scan_pieces(cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole);
        prop_assert_eq!(&scan_pieces(bytes.chunks(1)), &whole);
    }

    #[test]
    fn rows_are_the_lines_up_to_the_end(lines in prop::collection::vec("[\\\\.a\t]{0,4}", 0..50), piece in 1_usize..40) {
        let lines: Vec<_> = lines.into_iter().filter(|line| line != "\\.").collect();
        let rows: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let dump = format!("COPY public.t (a) FROM stdin;\n{rows}\\.\n{END}");
        let scanned = scan_pieces(dump.as_bytes().chunks(piece)).unwrap();
        prop_assert_eq!(scanned.rows[&b"public.t"[..]], lines.len() as u64);
    }
}

#[test]
fn lines_for_psql_never_reach_it_however_the_dump_is_cut() {
    let dump = "--\n\\restrict abc1\n\nSELECT '\\! in a string', $$\\! quoted$$; -- \\! said\n\
        COPY public.t (a) FROM stdin;\n\\! a row\n\\.\n\n-- PostgreSQL database dump complete\n\\unrestrict abc1\n";
    let blank = dump.replace("\\restrict abc1", "              ").replace("\\unrestrict abc1", "                ");
    for cut in 0..=dump.len() {
        let mut scanner = DumpScanner::new();
        let mut bytes = dump.as_bytes().to_vec();
        let (one, other) = bytes.split_at_mut(cut);
        scanner.feed_for_psql(one).unwrap();
        scanner.feed_for_psql(other).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), blank, "{cut}");
        assert_eq!(scanner.finish().unwrap().rows, BTreeMap::from([(b"public.t".to_vec(), 1)]), "{cut}");
    }
}

#[test]
fn a_dump_that_commands_psql_is_refused_and_its_command_blank() {
    for command in [
        "\\! touch /tmp/x",
        "\\restrict",
        "\\restrict a \\! id",
        "\\unrestrict a b",
        "\\o |id",
        "\\restrict `id`",
        "\\connect x",
    ] {
        for sql in [format!("{command}\n"), format!("SELECT 1 {command}\n"), format!("SELECT 1;{command}\n;")] {
            let mut bytes = sql.clone().into_bytes();
            let refused = DumpScanner::new().feed_for_psql(&mut bytes).unwrap_err();
            assert!(refused.to_string().contains(&command[1..2]), "{refused}");
            assert!(!bytes.contains(&b'\\'), "{sql}");
        }
    }
}
