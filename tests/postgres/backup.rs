//! A database is backed up.

use crate::support::postgres::{Cluster, has_postgres};

#[test]
fn a_cluster_of_the_tests_answers() {
    if !has_postgres() {
        return;
    }
    let mut cluster = Cluster::start();
    assert_eq!(cluster.psql("postgres", "SELECT 1"), "1\n");
    let mut session = cluster.session("postgres");
    assert_eq!(session.run("SELECT 2;"), "2\n");
    cluster.let_in(&[&format!("local all {} peer", cluster.user()), "local all all scram-sha-256"]);
    cluster.stop();
    cluster.start_again();
    assert_eq!(cluster.psql("postgres", "SELECT 1"), "1\n");
}
