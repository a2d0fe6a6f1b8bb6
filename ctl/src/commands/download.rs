//! `carelogctl download`.
//!
//! A file appears under its name only when it is complete, its checksum agreed and it is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use carelog_rpc::{Download, DownloadEnd, DownloadFormat, Piece};
use clap::{Args, ValueEnum};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::text::size;
use crate::session::Session;

/// Fetch a backup as one complete, standalone file
#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP")]
    backup: String,
    /// Where to write it, `-` for stdout; otherwise here, under the name that the store gives it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to pack it as; otherwise as it is stored
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    format: Option<FormatArg>,
}

/// The formats by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    #[value(name = "tar.zst")]
    TarZst,
    #[value(name = "tar.gz")]
    TarGz,
    #[value(name = "tar")]
    Tar,
}

impl From<FormatArg> for DownloadFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::TarZst => Self::TarZst,
            FormatArg::TarGz => Self::TarGz,
            FormatArg::Tar => Self::Tar,
        }
    }
}

/// The document of a finished download.
#[derive(Debug, serde::Serialize)]
struct Downloaded {
    file: String,
    size_bytes: u64,
    sha256: String,
}

/// Fetches the backup.
pub(crate) async fn run(args: DownloadArgs, session: &Session) -> Result<(), Failure> {
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "an archive cannot be shown on a terminal").next("name a file with -o"));
    }
    let mut client = session.connect().await?;
    let mut download = client.download(&args.backup, args.format.map(DownloadFormat::from)).await?;
    if to_stdout {
        let mut stdout = io::stdout().lock();
        receive(session, &mut download, &mut stdout, Failure::from).await?;
        return Ok(());
    }
    let path = match args.output {
        Some(path) => path,
        None => PathBuf::from(plain_name(&download.start().filename)?),
    };
    let end = receive_file(session, &mut download, &path).await?;
    let file = path.display().to_string();
    let downloaded = Downloaded { file, size_bytes: end.size_bytes, sha256: end.sha256 };
    Ok(session.output.show("carelog.download/1", &downloaded, |_look| {
        format!("{} ({}, SHA-256 {})", downloaded.file, size(downloaded.size_bytes), downloaded.sha256)
    })?)
}

/// The name that the other side gave, if it is no more than a name.
fn plain_name(name: &str) -> Result<&str, Failure> {
    let odd = name.is_empty() || name.starts_with('.') || name.contains('/') || name.contains(char::is_control);
    if odd {
        return Err(Failure::new(Exit::Failed, format!("the daemon calls the file '{name}', which is no plain name"))
            .next("name a file with -o"));
    }
    Ok(name)
}

async fn receive_file(session: &Session, download: &mut Download<'_>, path: &Path) -> Result<DownloadEnd, Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(already_there(path));
    }
    let mut partial_name = path.as_os_str().to_owned();
    partial_name.push(".partial");
    let partial = PathBuf::from(partial_name);
    let unwritable =
        |error: io::Error| Failure::new(Exit::Failed, format!("{} cannot be written", path.display())).because(error);
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
    let mut file = created.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => already_there(&partial),
        _ => unwritable(error),
    })?;
    let partial = RemovedUnlessRenamed(partial);
    let end = receive(session, download, &mut file, unwritable).await?;
    file.sync_all().map_err(unwritable)?;
    put_in_place(&partial.0, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => already_there(path),
        _ => unwritable(error),
    })?;
    Ok(end)
}

/// Copies all of the download; an interrupt ends it.
async fn receive(
    session: &Session,
    download: &mut Download<'_>,
    to: &mut impl Write,
    unwritable: impl Fn(io::Error) -> Failure,
) -> Result<DownloadEnd, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let progress = Progress::new(session.output.progress);
    let (mut done_bytes, total_bytes) = (0, download.start().size_bytes);
    let end = loop {
        let piece = tokio::select! {
            piece = download.next() => piece?,
            _ = interrupt.recv() => return Err(Failure::new(Exit::Cancelled, "the download was cancelled")),
        };
        match piece {
            Piece::Bytes(bytes) => {
                to.write_all(&bytes).map_err(&unwritable)?;
                done_bytes += bytes.len() as u64;
                progress.download(done_bytes, total_bytes);
            }
            Piece::End(end) => break end,
        }
    };
    to.flush().map_err(&unwritable)?;
    progress.clear();
    Ok(end)
}

/// Gives the finished file its name without ever replacing another, and makes the name last.
fn put_in_place(partial: &Path, path: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, partial, AT_FDCWD, path, RenameFlags::RENAME_NOREPLACE) {
        // Not every file system has it: FAT on a stick, NFS. Nobody but us is likely to make this name meanwhile.
        Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS) => fs::rename(partial, path)?,
        renamed => renamed?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn already_there(path: &Path) -> Failure {
    Failure::new(Exit::Conflict, format!("{} is already there", path.display())).next("name another file with -o")
}

/// A file that goes away unless it got its name.
struct RemovedUnlessRenamed(PathBuf);

impl Drop for RemovedUnlessRenamed {
    fn drop(&mut self) {
        // After the renaming there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_daemon_cannot_lead_elsewhere() {
        assert!(plain_name("backup_2025-10-29_14-30-00.tar.zst").is_ok());
        for name in ["", "/etc/passwd", "../x", ".bashrc", "a\nb"] {
            assert!(plain_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let (partial, path) = (dir.path().join("a.partial"), dir.path().join("a"));
        fs::write(&partial, "new").expect("written");
        fs::write(&path, "old").expect("written");
        assert_eq!(put_in_place(&partial, &path).expect_err("refused").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("there"), b"old");
    }
}
