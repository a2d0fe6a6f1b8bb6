//! The moment in which two databases change places, while clients go on as if nothing were.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::site::{CLINIC, Site};
use crate::support::postgres::has_postgres;

#[test]
fn clients_that_connect_again_and_again_do_not_keep_the_databases_from_changing_places() {
    if !has_postgres() {
        return;
    }
    let site = Site::new();
    let _daemon = site.world.start();
    let stop = Arc::new(AtomicBool::new(false));
    let connected = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, connected) = (Arc::clone(&stop), Arc::clone(&connected));
            let mut command = site.cluster.client("psql");
            command.args(["-X", "-q", "-d", CLINIC, "-c", "SELECT pg_sleep(0.05)"]);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = crate::support::process::run(&mut command);
                    connected.fetch_add(u64::from(answer.code == 0), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let answer = site.restore();
    let so_far = connected.load(Ordering::Relaxed);
    crate::support::wait::wait_until("clients to be back", || connected.load(Ordering::Relaxed) > so_far + 4);
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!([0, 3].contains(&answer.code), "{answer:?}");
    site.live().database.assert_same_as(&site.then.database);
}

#[test]
fn what_an_application_wrote_after_the_safety_backup_is_saved_after_the_swap() {
    if !has_postgres() {
        return;
    }
    // It writes when it is told to stop, as applications do.
    let mut site = Site::new();
    let (socket, user) = (site.cluster.socket_dir(), site.cluster.user().to_owned());
    let script = site.world.path("stop.sh");
    let psql = site.cluster.bin().join("psql");
    std::fs::write(
        &script,
        format!(
            "{} -X -q -h {} -d clinic -c \"INSERT INTO made_later VALUES (99)\" || true\n",
            psql.display(),
            socket.display()
        ),
    )
    .unwrap();
    let hooks = format!(
        "\n[hooks]\nstop_application = {{ argv = [\"/bin/sh\", \"{}\"], run_as = \"{user}\" }}\n\
         start_application = {{ argv = [\"/bin/true\"], run_as = \"{user}\" }}\n",
        script.display()
    );
    let config = site.world.config() + &hooks;
    site.world.write_config(&config);
    let _daemon = site.world.start();
    let job = site.restore().expect_code(0).json();
    site.live().database.assert_same_as(&site.then.database);
    let report = site.world.ctl(&["job", "show", job["id"].as_str().unwrap(), "--report", "--json"]);
    let safety = report.stdout.matches("safety_backup_").count();
    assert!(safety >= 2, "{report:?}");

    site.world.ctl(&["restore", "--undo", job["id"].as_str().unwrap(), "--yes"]).expect_code(0);
    let rows = site.cluster.psql(CLINIC, "SELECT count(*) FROM made_later WHERE a = 99");
    assert_eq!(rows, "1\n");
    site.now.database = site.live().database;
}
