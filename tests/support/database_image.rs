//! What a database holds, so that two can be compared: a line for each fact, by catalog queries and sums of rows.

use super::postgres::Cluster;

/// A database that holds one of everything that a backup has to carry over.
const EVERYTHING: &str = include_str!("../data/everything.sql");
const QUESTIONS: &str = include_str!("../data/database_image.sql");

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseImage {
    lines: Vec<String>,
}

impl DatabaseImage {
    /// Looks at `database`, as the superuser.
    #[track_caller]
    pub(crate) fn of(cluster: &Cluster, database: &str) -> Self {
        let lines: Vec<String> = cluster.psql(database, QUESTIONS).lines().map(str::to_owned).collect();
        assert!(lines.len() > 20, "only {lines:?}");
        Self { lines }
    }

    /// Fails with the facts that differ.
    #[track_caller]
    pub(crate) fn assert_same_as(&self, expected: &Self) {
        self.assert_same_as_at("", expected);
    }

    /// Fails with `context` and the facts that differ.
    #[track_caller]
    pub(crate) fn assert_same_as_at(&self, context: &str, expected: &Self) {
        let missing: Vec<_> = expected.lines.iter().filter(|line| !self.lines.contains(line)).collect();
        let surplus: Vec<_> = self.lines.iter().filter(|line| !expected.lines.contains(line)).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{context} the databases differ\nexpected {missing:#?}\nfound {surplus:#?}"
        );
        assert_eq!(self.lines.len(), expected.lines.len(), "some facts are there more than once");
    }
}

/// Makes `database`, which holds one of everything, in a new cluster. Its owner is `doctor`.
#[track_caller]
pub(crate) fn make_everything(cluster: &Cluster, database: &str) {
    let quoted = database.replace('\'', "''");
    cluster.psql("postgres", &format!("\\set database '{quoted}'\n{EVERYTHING}"));
}

/// Makes what a database with everything needs of a cluster and no dump of a database holds: a tablespace.
#[track_caller]
pub(crate) fn prepare_for_everything(cluster: &Cluster) {
    cluster.psql("postgres", "SET allow_in_place_tablespaces = true;\nCREATE TABLESPACE \"fast disk\" LOCATION '';");
}
