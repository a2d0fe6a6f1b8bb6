//! What is spoken up about.

use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};

impl Server {
    pub(in crate::server) fn alerts(&self, _all: bool) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn test_alerts(&self, _caller: &Caller) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn acknowledge_alert(
        &self,
        _caller: &Caller,
        _id: &str,
        _description: &str,
    ) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }
}
