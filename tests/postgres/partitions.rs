//! Thousands of tables: a load in one transaction would exhaust the server's lock table.

use std::fmt::Write as _;

use super::backup::world_with;
use super::site::CLINIC;
use crate::support::postgres::{Cluster, has_postgres};

const PARTITIONS: usize = 3000;

/// Tables, indexes on them, rows and their sum.
const COUNTED: &str = "SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'measured'::regclass), \
     (SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relispartition), \
     (SELECT count(*) FROM measured), (SELECT sum(value) FROM measured)";

#[test]
fn three_thousand_partitions_with_indexes_come_back() {
    if !has_postgres() {
        return;
    }
    let cluster = Cluster::start();
    cluster.psql("postgres", &format!("CREATE DATABASE {CLINIC}"));
    let mut made = String::from(
        "CREATE TABLE measured (day int NOT NULL, value bigint, PRIMARY KEY (day)) PARTITION BY RANGE (day);\n",
    );
    made.push_str("CREATE INDEX ON measured (value);\n");
    for day in 0..PARTITIONS {
        let next = day + 1;
        writeln!(made, "CREATE TABLE measured_{day} PARTITION OF measured FOR VALUES FROM ({day}) TO ({next});")
            .unwrap();
    }
    writeln!(made, "INSERT INTO measured SELECT n, n * 7 FROM generate_series(0, {PARTITIONS} - 1) AS n;").unwrap();
    cluster.psql(CLINIC, &made);
    let counted = || cluster.psql(CLINIC, COUNTED);
    let before = counted();
    assert!(before.contains(&PARTITIONS.to_string()), "{before}");

    let world = world_with(&cluster.section("database", CLINIC));
    let _daemon = world.start();
    world.ctl(&["backup", "--source", "database"]).expect_code(0);
    cluster.psql(CLINIC, "DELETE FROM measured WHERE day < 100; DROP TABLE measured_2999");
    assert_ne!(counted(), before);
    world.ctl(&["restore", "latest", "--source", "database", "--yes"]).expect_code(0);
    assert_eq!(counted(), before);
}
