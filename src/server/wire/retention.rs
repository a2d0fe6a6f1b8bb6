//! The plan of a prune job on the wire.

use carelog_rpc as rpc;

use crate::catalog::BackupRecord;
use crate::job::PrunePlan;
use crate::model::BackupState;
use crate::retention::Decision;

pub(in crate::server) fn prune_plan(plan: &PrunePlan) -> rpc::PrunePlan {
    let is_kept = |decision: &&Decision| {
        let record = plan.records.iter().find(|record| record.id == decision.id);
        !decision.expires && record.is_some_and(|record| record.state != BackupState::Retained)
    };
    rpc::PrunePlan {
        digest: plan.digest.clone(),
        made_at: plan.retention.made_at.into(),
        kept: plan.retention.decisions.iter().filter(is_kept).count() as u64,
        expired: plan.retention.expiring().count() as u64,
        freed_bytes: plan.retention.freed_bytes,
        notes: plan.notes(),
    }
}

pub(in crate::server) fn planned_backup(decision: &Decision, record: &BackupRecord) -> rpc::PlannedBackup {
    rpc::PlannedBackup {
        id: record.id.to_string(),
        filename: record.filename.clone(),
        created_at: record.created_at.into(),
        size_bytes: record.size_bytes,
        expires: decision.expires,
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
    }
}
