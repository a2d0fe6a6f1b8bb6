//! What is done by itself.

use crate::server::access::Caller;
use crate::server::failure::Failure;
use crate::server::handler::{Answer, Server};

impl Server {
    pub(in crate::server) fn schedules(&self) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn next_due(&self, _name: Option<&str>, _count: u32) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn run_schedule(&self, _caller: &Caller, _name: &str) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn pause_schedule(
        &self,
        _caller: &Caller,
        _name: &str,
        _description: &str,
    ) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }

    pub(in crate::server) fn resume_schedule(
        &self,
        _caller: &Caller,
        _name: &str,
        _description: &str,
    ) -> Result<Answer, Failure> {
        Err(Failure::new(carelog_rpc::ErrorCode::Usage, "not in this version", ""))
    }
}
