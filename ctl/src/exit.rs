//! The exit codes that scripts rely on.

use std::process::ExitCode;

use carelog_rpc::ErrorCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed for a reason that is none of the others.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// Done, but a file changed or could not be read; named in the output.
    Warnings = 3,
    /// There is no such backup, job, source or directory.
    NotFound = 4,
    /// The caller may not.
    NotPermitted = 5,
    /// The daemon does not answer.
    Unreachable = 6,
    /// Corruption was found.
    Corruption = 7,
    /// Something is in the way or busy.
    Conflict = 8,
    /// Refused because data could be lost.
    RefusedForSafety = 9,
    /// Cancelled; as a shell reports an interrupt.
    Cancelled = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Failed => Self::Failed,
            ErrorCode::Usage => Self::Usage,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::NotPermitted => Self::NotPermitted,
            ErrorCode::Corruption => Self::Corruption,
            ErrorCode::Conflict => Self::Conflict,
            ErrorCode::RefusedForSafety => Self::RefusedForSafety,
            ErrorCode::Cancelled => Self::Cancelled,
        }
    }
}

/// The exit codes of a monitoring plugin (Nagios Plugin Development Guidelines), for `status --check` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing is wrong.
    Ok = 0,
    /// Something needs attention.
    Warning = 1,
    /// Data is not protected.
    Critical = 2,
    /// It could not be found out.
    Unknown = 3,
}

impl Check {
    /// The word at the start of the plugin's line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl From<Check> for ExitCode {
    fn from(check: Check) -> Self {
        Self::from(check as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_daemon_has_the_exit_code_of_the_contract() {
        let expected = [1, 2, 4, 5, 7, 8, 9, 130];
        let actual: Vec<u8> = ErrorCode::ALL.iter().map(|&code| Exit::from(code) as u8).collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn the_codes_that_no_error_has_are_those_of_the_contract() {
        assert_eq!([Exit::Done as u8, Exit::Warnings as u8, Exit::Unreachable as u8], [0, 3, 6]);
        assert_eq!([Check::Ok, Check::Warning, Check::Critical, Check::Unknown].map(|c| c as u8), [0, 1, 2, 3]);
    }
}
