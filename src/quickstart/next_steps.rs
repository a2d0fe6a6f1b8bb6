//! The commands with which whoever has watched goes on, ready to be copied.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context as _;
use carelog_rpc::Backup;

use super::folder::Folder;
use super::story::Story;

/// Tells them.
pub(super) fn tell(story: &mut Story, folder: &Folder, backup: &Backup) -> anyhow::Result<()> {
    let carelogd = std::env::current_exe().context("finding our own program")?;
    let carelogctl = carelogd.with_file_name("carelogctl");
    let (daemon, client) = (quoted(&carelogd), quoted(&carelogctl));
    let archive = quoted(Path::new(&backup.filename)).into_owned();

    story.heading("Start the daemon again");
    if !carelogctl.exists() {
        command(story, "cargo build --release");
    }
    command(story, &format!("{daemon} run --config {}", quoted(&folder.config())));

    story.heading("and ask it, in another terminal");
    command(story, &format!("export CARELOG_SOCKET={}", quoted(&folder.socket())));
    command(story, &format!("{client} status"));
    command(story, &format!("{client} list"));
    command(story, &format!("{client} restore latest --dry-run"));

    story.heading("Read the backup without CareLog");
    command(story, &format!("cd {}", quoted(&folder.backups())));
    command(story, &format!("sha256sum -c {archive}.sha256"));
    command(story, "mkdir ../by-hand");
    command(story, &format!("tar --zstd -xpf {archive} -C ../by-hand"));

    story.heading("Throw everything away");
    command(story, &format!("rm -r {}", quoted(folder.path())));
    Ok(())
}

fn command(story: &mut Story, text: &str) {
    story.say(&format!("   {text}"));
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%,:".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_blank_or_a_quote_is_quoted() {
        let told = ["/tmp/a-1.b", "/tmp/a b", "/tmp/it's"].map(|path| quoted(Path::new(path)).into_owned());
        assert_eq!(told, ["/tmp/a-1.b", "'/tmp/a b'", r"'/tmp/it'\''s'"]);
    }
}
