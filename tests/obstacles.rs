//! What stands in the way of a restore: owners that are gone, attributes that the target cannot carry, places that cannot
//! be written. It is done and said what is missing, or refused before anything is touched.

mod attributes;
mod owners;
mod places;

use crate::support::World;
use crate::support::evil::{Evil, HONEST, dir, line};
use carelogd::model::Sha256;

/// Puts into the store of `world` a backup of its studies from elsewhere, with two files: name, owner, and what else the
/// manifest has of it. Returns its file name.
fn foreign_backup(world: &World, files: [(&str, u32, &str); 2]) -> String {
    let file = |(name, uid, rest): &(&str, u32, &str)| {
        let content = format!(r#","size":{},"sha256":"{}"{rest}"#, HONEST.len(), Sha256::of(HONEST));
        let own = format!(r#""uid":{}"#, rustix::process::geteuid().as_raw());
        line(&format!("studies/{name}"), "file", &content).replace(&own, &format!(r#""uid":{uid}"#))
    };
    let mut manifest = vec![dir("studies/")];
    manifest.extend(files.iter().map(file));
    let mut archive = Evil::of(Vec::new());
    archive.manifest = manifest;
    archive.restore_point = |point| {
        point["metadata"]["sources"][0]["name"] = "studies".into();
        point["sources"][0]["name"] = "studies".into();
        point["manifest"][0]["first"] = "studies/".into();
        point["sources"][0]["files"] = 2.into();
        point["totals"]["files"] = 2.into();
        point["sources"][0]["size_bytes"] = (2 * HONEST.len()).into();
        point["totals"]["raw_bytes"] = (2 * HONEST.len()).into();
        point["totals"]["entries"] = 3.into();
    };
    // So that the store exists.
    world.start().stop();
    let name = "backup_2024-01-01_00-00-00.tar.zst".to_owned();
    archive.write(&world.backups().join(&name));
    name
}
