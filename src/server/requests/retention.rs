//! Which backups are kept, and taking back what was removed.

use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};

impl Server {
    pub(in crate::server) fn plan_prune(&self) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn prune(
        &self,
        _caller: &Caller,
        _digest: Option<String>,
        _description: String,
    ) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn restore_deleted(
        &self,
        _caller: &Caller,
        _backup: &str,
        _description: &str,
    ) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }
}
