//! What happens to the sample clinic: three accidents as they happen to real ones.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::sample::{Records, Sample};

/// Empties the patients, deletes every second study and overwrites a file of another.
pub(super) fn strike(sample: &Sample, clinic: &Path) -> anyhow::Result<()> {
    import(&sample.records.without_patients(), &clinic.join("data.json"))?;
    let (kept, doomed): (Vec<_>, Vec<_>) = sample.studies.iter().enumerate().partition(|(number, _)| number % 2 == 0);
    for (_, study) in doomed {
        let folder = clinic.join(study);
        fs::remove_dir_all(&folder).with_context(|| format!("deleting {}", folder.display()))?;
    }
    if let Some((_, study)) = kept.first() {
        let image = clinic.join(study).join("image-1.dcm");
        fs::write(&image, "scanner self-test\n").with_context(|| format!("overwriting {}", image.display()))?;
    }
    Ok(())
}

/// As a careful application writes its data file: anew, then by a rename.
fn import(records: &Records, data: &Path) -> anyhow::Result<()> {
    let new = data.with_extension("json.new");
    records.write(&new).with_context(|| format!("writing {}", new.display()))?;
    fs::rename(&new, data).with_context(|| format!("replacing {}", data.display()))
}
