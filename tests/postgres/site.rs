//! A clinic with a database beside its JSON file and its tree: all three have to be of one generation, always.

use std::fs;

use serde_json::Value;

use super::backup::world_with;
use crate::support::database_image::DatabaseImage;
use crate::support::postgres::{Cluster, has_postgres};
use crate::support::process::Answer;
use crate::support::{TreeImage, World};

/// The database's name.
pub(super) const CLINIC: &str = "clinic";

/// The live data of every source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Live {
    pub(super) records: Value,
    pub(super) studies: TreeImage,
    /// What the database holds.
    pub(super) database: DatabaseImage,
    /// Which database it is.
    pub(super) oid: String,
}

/// A world with a server, a backup, and live data that differs from it in everything.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) cluster: Cluster,
    /// As in the backup.
    pub(super) then: Live,
    /// As before a restore.
    pub(super) now: Live,
    pub(super) backup: String,
}

impl Site {
    /// With a small database. No daemon runs.
    pub(super) fn new() -> Self {
        Self::with(|_, section| section)
    }

    /// Gives `test` a site whose daemon runs. Nothing is done where there is no PostgreSQL.
    pub(super) fn while_it_runs(test: impl FnOnce(&Self)) {
        if !has_postgres() {
            return;
        }
        let site = Self::new();
        let _daemon = site.world.start();
        test(&site);
    }

    /// As [`Site::new`], with the section of the source that `edit` makes of the usual one, after the database was made.
    pub(super) fn with(edit: impl FnOnce(&Cluster, String) -> String) -> Self {
        let cluster = Cluster::start();
        make_clinic(&cluster);
        Self::of(cluster, CLINIC, edit)
    }

    /// With the database `name` of `cluster`.
    pub(super) fn of(cluster: Cluster, name: &str, edit: impl FnOnce(&Cluster, String) -> String) -> Self {
        Self::of_with(cluster, name, &[], edit)
    }

    /// As [`Site::of`], backed up by a daemon with these environment variables.
    pub(super) fn of_with(
        cluster: Cluster,
        name: &str,
        environment: &[(&str, &str)],
        edit: impl FnOnce(&Cluster, String) -> String,
    ) -> Self {
        let section = edit(&cluster, cluster.section("database", name));
        let world = world_with(&section);
        world.edit_config("keep_replaced = \"0s\"", "keep_replaced = \"1h\"");
        let daemon = world.start_with(environment);
        let answer = world.ctl(&["backup", "--json"]).expect_code(0);
        let backup = answer.json()["backup_id"].as_str().unwrap().to_owned();
        daemon.stop();
        let then = live(&world, &cluster, name);
        let mut site = Self { now: then.clone(), world, cluster, then, backup };
        site.change(name);
        site
    }

    /// Makes the live data another than in the backup, again.
    pub(super) fn change_again(&mut self) {
        self.change(CLINIC);
    }

    fn change(&mut self, name: &str) {
        change_files(&self.world);
        let sql = "CREATE TABLE public.made_later (a int); INSERT INTO public.made_later VALUES (1), (2);";
        self.cluster.psql(name, sql);
        self.now = live(&self.world, &self.cluster, name);
    }

    pub(super) fn live(&self) -> Live {
        live(&self.world, &self.cluster, CLINIC)
    }

    pub(super) fn restore(&self) -> Answer {
        self.world.ctl(&["restore", &self.backup, "--yes", "--json"])
    }

    /// The names of all databases but those that every cluster has.
    pub(super) fn databases(&self) -> Vec<String> {
        databases(&self.cluster)
    }

    /// The database that a restore has kept.
    #[track_caller]
    pub(super) fn kept(&self) -> String {
        let databases = self.databases();
        databases.iter().find(|name| name.starts_with("clinic_before_")).expect("a database that is kept").clone()
    }

    /// The OID of the database of this name.
    pub(super) fn oid(&self, name: &str) -> String {
        self.cluster
            .psql("postgres", &format!("SELECT oid FROM pg_database WHERE datname = '{name}'"))
            .trim()
            .to_owned()
    }
}

/// The names of all databases but those that every cluster has.
pub(super) fn databases(cluster: &Cluster) -> Vec<String> {
    let sql = "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1') ORDER BY 1";
    cluster.psql("postgres", sql).lines().map(str::to_owned).collect()
}

fn live(world: &World, cluster: &Cluster, name: &str) -> Live {
    let oid = "SELECT oid FROM pg_database WHERE datname = current_database()";
    Live {
        records: world.clinic.records(),
        studies: TreeImage::of(&world.clinic.studies),
        database: DatabaseImage::of(cluster, name),
        oid: cluster.psql(name, oid).trim().to_owned(),
    }
}

/// A database that an application owns.
pub(super) fn make_clinic(cluster: &Cluster) {
    cluster.psql("postgres", "CREATE ROLE app LOGIN; CREATE DATABASE clinic OWNER app;");
    cluster.psql(
        CLINIC,
        "SET ROLE app;
         CREATE TABLE public.patient (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
         INSERT INTO public.patient (name) SELECT 'Patient ' || n FROM generate_series(1, 500) n;
         CREATE TABLE public.nothing (a int);",
    );
}

fn change_files(world: &World) {
    let mut records = world.clinic.records();
    records["patients"].as_array_mut().unwrap().truncate(3);
    fs::write(&world.clinic.data, serde_json::to_vec_pretty(&records).unwrap()).unwrap();
    fs::remove_file(world.clinic.studies.join("study-000/report.txt")).unwrap();
    fs::write(world.clinic.studies.join("new.txt"), "new").unwrap();
}
