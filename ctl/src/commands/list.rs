//! `carelogctl list`.

use carelog_rpc::{Class, ListBackups};
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::output::backup::{BackupList, table};
use crate::session::Session;

/// List backups, newest first
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// No more than these many, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Only those that hold this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only those of this class
    #[arg(long, value_enum)]
    class: Option<ClassArg>,
    /// Only those that began at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that began at this time or earlier
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Also those that cannot be restored, or lie in the trash
    #[arg(long)]
    all: bool,
}

/// The classes by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ClassArg {
    /// Asked for by a person or a schedule
    Backup,
    /// Taken inside a restore, of what it replaces
    Safety,
}

impl From<ClassArg> for Class {
    fn from(class: ClassArg) -> Self {
        match class {
            ClassArg::Backup => Self::Backup,
            ClassArg::Safety => Self::Safety,
        }
    }
}

/// Prints the list.
pub(crate) async fn run(args: ListArgs, session: &Session) -> Result<(), Failure> {
    let request = ListBackups {
        limit: args.limit,
        source: args.source,
        class: args.class.map(Class::from),
        since: args.since,
        until: args.until,
        all: args.all,
    };
    let list = BackupList { backups: session.connect().await?.list(request).await? };
    Ok(session.output.show("carelog.backup.list/1", &list, |look| table(&list.backups, look))?)
}
