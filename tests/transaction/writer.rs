//! An application that keeps writing until it is stopped.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::process::{hermetic, run};
use crate::support::tree_diff::assert_same;
use crate::support::wait::wait_until;
use crate::support::{TreeImage, World};
use crate::transaction::site::Hooks;

/// Replaces the document, adds a file, lengthens a file and overwrites one in place; then says which round that was.
const APPLICATION: &str = r#"
    echo $$ > pid
    n=0
    while :; do
        n=$((n + 1))
        printf '{"patients": [%d], "sessions": {"round": %d}}' $n $n > data.new && mv data.new clinic/data.json
        echo $n > clinic/studies/round-$n
        echo $n >> clinic/studies/grown
        printf '%09d' $n 1<> clinic/studies/study-000/report.txt
        echo $n >> rounds
        sleep 0.01
    done
"#;

/// Ends it, and keeps a copy of what it left.
const STOP: &str = r#"
    kill $(cat pid)
    while kill -0 $(cat pid) 2>/dev/null; do sleep 0.01; done
    cp --archive clinic at-stop
    rm -f at-stop/.*carelog-restore* -r
"#;

#[test]
fn nothing_is_lost_of_what_an_application_wrote_until_it_was_stopped() {
    let world = World::new();
    let dir = world.path("");
    let calls = dir.join("calls");
    let hooks = Hooks::new(&world, &calls);
    let stop = hooks.hook("stop_application", &format!("cd {}\n{STOP}", dir.display()));
    let start = hooks.hook("start_application", "true");
    world.write_config(&format!("{}\n[hooks]\n{stop}{start}", world.config()));
    let _daemon = world.start();
    let backup = world.ctl(&["backup", "--json"]).expect_code(0).json()["backup_id"].as_str().unwrap().to_owned();
    let then = TreeImage::of(&world.clinic.studies);

    let mut application = Command::new("/bin/sh");
    let mut application = application.args(["-c", APPLICATION]).current_dir(&dir).stdin(Stdio::null()).spawn().unwrap();
    // Whoever asks whether it is gone must not find what nobody waited for.
    let reaper = std::thread::spawn(move || application.wait());
    let rounds = || fs::read_to_string(world.path("rounds")).unwrap_or_default().lines().count();
    wait_until("the application to write", || rounds() > 20);
    let answer = world.ctl(&["restore", &backup, "--yes", "--json"]);
    if !world.path("at-stop").exists() {
        run(hermetic(Path::new("/bin/sh"), &dir).args(["-c", "kill $(cat pid)"]));
        panic!("the application was not stopped: {answer:?}");
    }
    reaper.join().unwrap().unwrap();
    // A file that was written to while the safety backup read it is a warning of that.
    assert!([0, 3].contains(&answer.code), "{answer:?}");

    // What the backup leaves out is carried over as it was at the end; the rest is as in the backup.
    let round = |path: &str| -> serde_json::Value {
        let document: serde_json::Value = serde_json::from_slice(&fs::read(world.path(path)).unwrap()).unwrap();
        document["sessions"]["round"].clone()
    };
    assert_eq!(round("clinic/data.json"), round("at-stop/data.json"));
    assert_eq!(world.clinic.records()["patients"].as_array().unwrap().len(), 40);
    assert_same(&then, &TreeImage::of(&world.clinic.studies));

    // Of each source the newest safety backup holds all that was there at the end.
    let list = world.ctl(&["list", "--all", "--class", "safety", "--json"]).expect_code(0).json();
    let safety = list["backups"].as_array().unwrap();
    assert_eq!(safety.len(), 2, "{list:#}");
    let id = safety[0]["id"].as_str().unwrap();
    let saved = world.path("saved");
    fs::create_dir(&saved).unwrap();
    world.ctl(&["restore", id, "--to", saved.to_str().unwrap()]).expect_code(0);
    let at_stop = world.path("at-stop/studies");
    assert_same(&TreeImage::of(&at_stop), &TreeImage::of(&saved.join("studies")));
    let patients = |path: &str| -> serde_json::Value {
        let document: serde_json::Value = serde_json::from_slice(&fs::read(world.path(path)).unwrap()).unwrap();
        document["patients"].clone()
    };
    assert_eq!(patients("saved/data.json"), patients("at-stop/data.json"));
    // Every round that it says it did is there.
    let last = rounds();
    assert!((1..=last).all(|n| saved.join(format!("studies/round-{n}")).exists()), "{last}");
    assert!(fs::read_to_string(saved.join("studies/grown")).unwrap().lines().count() >= last);
}
