//! `job show --report`.

use super::{backup, change_everything, job_of, keeping_world};
use crate::support::World;

#[test]
fn a_report_tells_who_when_why_from_what_and_what_became_of_it() {
    let world = keeping_world();
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let job = job_of(&world, &["restore", &id, "-m", "import of Monday"]);
    let report = world.ctl(&["job", "show", &job, "--report", "--json"]).expect_code(0).json();
    assert_eq!(report["schema"], "carelog.job.report/1");
    assert_eq!(report["description"], "import of Monday");
    let shown = |id: &str| world.ctl(&["show", id, "--json"]).expect_code(0).json();
    let restore = &report["restore"];
    assert_eq!(restore["backups"][0]["checksum"], shown(&id)["checksum"]);
    let safety = shown(report["job"]["safety_backup_id"].as_str().unwrap());
    assert_eq!(restore["safety_backups"][0]["checksum"], safety["checksum"]);
    let data = &restore["sources"][0];
    assert_eq!((&data["before"]["counts"]["patients"], &data["after"]["counts"]["patients"]), (&3.into(), &40.into()));
    assert_eq!(data["location"], world.clinic.data.to_str().unwrap());
    assert_eq!(restore["is_kept"], true);

    let page = world.ctl(&["job", "show", &job, "--report"]).expect_code(0).stdout;
    for part in [
        "import of Monday",
        safety["checksum"]["value"].as_str().unwrap(),
        "patients 3",
        "patients 40",
        "OUTCOME: succeeded",
        &format!("carelogctl restore --undo {job}"),
        "swap",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }

    let undo = job_of(&world, &["restore", "--undo", &job]);
    let report = world.ctl(&["job", "show", &undo, "--report", "--json"]).expect_code(0).json();
    assert_eq!(report["restore"]["undoes"], job.as_str());
    assert_eq!(report["restore"]["sources"][0]["after"]["counts"]["patients"], 3);
}

#[test]
fn a_report_of_what_failed_says_that_nothing_was_replaced() {
    let world = World::new();
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap().name;
    let hooks = format!(
        "\n[hooks]\nstart_application = {{ argv = [\"/bin/true\"], run_as = \"{user}\" }}\n\
         stop_application = {{ argv = [\"/bin/true\"], run_as = \"{user}\" }}\n\
         probe = [{{ name = \"login\", argv = [\"/bin/sh\", \"-c\", \"echo no login; exit 1\"], run_as = \"{user}\" }}]\n"
    );
    world.write_config(&(world.config() + &hooks));
    let _daemon = world.start();
    let id = backup(&world);
    change_everything(&world);
    let job = world.ctl(&["restore", &id, "--yes", "--json"]).expect_code(1).json()["id"].as_str().unwrap().to_owned();
    let page = world.ctl(&["job", "show", &job, "--report"]).expect_code(0).stdout;
    for part in ["login: FAILED", "no login", "OUTCOME: failed", "Nothing that was live is another than before"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn a_report_of_a_backup_is_the_job_and_how_it_ended() {
    let world = World::new();
    let _daemon = world.start();
    let id = backup(&world);
    let job = world.ctl(&["show", &id, "--json"]).json()["job_id"].as_str().unwrap().to_owned();
    let page = world.ctl(&["job", "show", &job, "--report"]).expect_code(0).stdout;
    assert!(page.contains("OUTCOME: succeeded") && page.contains("reason"), "{page}");
}
