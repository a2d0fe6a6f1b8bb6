//! `carelogctl restore`.

use std::ffi::OsString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use carelog_rpc::{Octets, RestoreFrom, RestoreRequest};
use clap::{ArgGroup, Args};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{self, Until};
use crate::output::plan;
use crate::session::Session;

/// Put sources back as they were, or write them into a directory
///
/// Into the live place, a safety backup of everything that is replaced comes first, and the word `restore` is asked for.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from").required(true))]
pub(crate) struct RestoreArgs {
    /// An id, a prefix of one, a file name, or `latest`
    #[arg(value_name = "BACKUP", group = "from")]
    backup: Option<String>,
    /// The newest backup that began at this time or before
    #[arg(long, value_name = "TIME", group = "from")]
    at: Option<String>,
    /// What the restore by this job replaced, while it is kept; an undo can be undone too
    #[arg(long, value_name = "JOB", group = "from", conflicts_with_all = ["sources", "paths", "to", "to_database", "partial"])]
    undo: Option<String>,
    /// Only this source; may be given several times
    #[arg(long = "source", value_name = "NAME", conflicts_with = "paths")]
    sources: Vec<String>,
    /// Only this file or folder, such as `studies/2024/scan.dcm`; may be given several times
    #[arg(long = "path", value_name = "P")]
    paths: Vec<OsString>,
    /// Write into this existing directory; nothing live is touched
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Load the backup's database into this one, which must not exist; nothing live is touched
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "paths", "partial"])]
    to_database: Option<String>,
    /// Restore what is undamaged of a damaged backup, leave the rest as it is, and name it; exits 3 then
    #[arg(long)]
    partial: bool,
    /// Go on although live data that is damaged or gone cannot be saved first
    #[arg(long)]
    accept_unsaved: bool,
    /// Why; kept in the audit trail
    #[arg(short = 'm', long = "message", value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Do not wait for a backup or a verification that runs: cancel it
    #[arg(long)]
    now: bool,
    /// Do not wait: print the job's id
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
}

/// Shows the plan, asks, enqueues the restore and waits for it.
pub(crate) async fn run(args: RestoreArgs, session: &Session) -> Result<ExitCode, Failure> {
    let ask = args.to.is_none() && args.to_database.is_none() && !args.dry_run && !args.yes;
    if ask {
        confirm::possible("restore", args.yes, session.output.json)?;
    }
    let directory = args.to.as_deref().map(open_directory).transpose()?;
    let mut request = request(&args);
    if args.dry_run {
        show_plan(session, &request, directory.as_ref()).await?;
        return Ok(Exit::Done.into());
    }
    if ask {
        let backup_id = show_plan(session, &request, None).await?;
        confirm::ask("restore")?;
        // What runs is what was shown, even if a newer backup has come meanwhile.
        if args.undo.is_none() {
            request.from = RestoreFrom::Backup(backup_id);
        }
    }
    let mut client = session.connect().await?;
    let job_id = client.restore(request, directory.as_ref().map(OwnedFd::as_fd)).await?;
    follow::job(session, &mut client, &job_id, Until::of_detach(args.detach)).await
}

fn request(args: &RestoreArgs) -> RestoreRequest {
    let undo = args.undo.clone().map(RestoreFrom::Undo);
    let at = args.at.clone().map(RestoreFrom::At);
    let backup = || RestoreFrom::Backup(args.backup.clone().unwrap_or_else(|| "latest".to_owned()));
    RestoreRequest {
        from: undo.or(at).unwrap_or_else(backup),
        sources: args.sources.clone(),
        paths: args.paths.iter().map(|path| Octets(path.as_bytes().to_vec())).collect(),
        partial: args.partial,
        accept_unsaved: args.accept_unsaved,
        description: args.message.clone(),
        dry_run: args.dry_run,
        now: args.now,
        to: args.to.is_some(),
        to_database: args.to_database.clone(),
    }
}

/// Prints what would be done, and returns the id of the backup that it would be done from.
async fn show_plan(session: &Session, request: &RestoreRequest, to: Option<&OwnedFd>) -> Result<String, Failure> {
    let mut client = session.connect().await?;
    let plan = client.plan_restore(request.clone(), to.map(OwnedFd::as_fd)).await?;
    session.output.show("carelog.restore.plan/1", &plan, |look| plan::restore(&plan, &request.paths, look))?;
    Ok(plan.backup.id)
}

/// Opens the directory with our own rights: the daemon opens no path that it is told, and gets only what we could open.
fn open_directory(path: &Path) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).map_err(|error| {
        let shown = path.display();
        let failure = |exit| Failure::new(exit, format!("{shown} cannot be restored into")).because(error.desc());
        match error {
            Errno::ENOENT => failure(Exit::NotFound).next(format!("mkdir '{shown}'")),
            // A link to a directory is ENOTDIR when both flags are set, ELOOP otherwise (open(2)).
            Errno::ENOTDIR | Errno::ELOOP => failure(Exit::Usage).next("name a directory, and not a link to one"),
            Errno::EACCES => failure(Exit::NotPermitted).next("use sudo, or another directory"),
            _ => failure(Exit::Failed),
        }
    })
}
