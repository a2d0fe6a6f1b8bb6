//! A made-up clinic: a JSON data file and a tree of study files, the same on every machine and in every run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The clinic's live data.
#[derive(Clone, Debug)]
pub(crate) struct Clinic {
    /// Patients, appointments, `auditLogs`, `sessions`.
    pub(crate) data: PathBuf,
    /// Studies of images and their reports.
    pub(crate) studies: PathBuf,
}

impl Clinic {
    /// Makes one in the new folder `dir`.
    pub(crate) fn make(dir: &Path) -> Self {
        let clinic = Self { data: dir.join("data.json"), studies: dir.join("studies") };
        fs::create_dir_all(&clinic.studies).unwrap();
        fs::write(&clinic.data, serde_json::to_vec_pretty(&records(40)).unwrap()).unwrap();
        for study in 0..6 {
            for image in 0..4_u64 {
                let path = clinic.studies.join(format!("study-{study:03}/series-1/image-{image:04}.dcm"));
                let size = 2_000 + usize::try_from(image * 37_000).unwrap();
                write_file(&path, &noise(study * 100 + image, size));
            }
            let report = format!("Study {study}: nothing abnormal.\n").repeat(200);
            write_file(&clinic.studies.join(format!("study-{study:03}/report.txt")), report.as_bytes());
        }
        fs::create_dir_all(clinic.studies.join("incoming")).unwrap();
        clinic
    }

    /// The data file, parsed.
    pub(crate) fn records(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.data).unwrap()).unwrap()
    }
}

fn records(patients: u64) -> Value {
    let patient =
        |n| json!({ "id": n, "name": format!("Patient {n}"), "born": format!("19{:02}-03-0{}", n + 40, n % 9 + 1) });
    let appointment = |n| json!({ "patient": n % patients, "at": format!("2025-10-{:02}T09:00:00Z", n % 28 + 1) });
    json!({
        "patients": (0..patients).map(patient).collect::<Vec<_>>(),
        "appointments": (0..patients * 3).map(appointment).collect::<Vec<_>>(),
        "auditLogs": [{ "who": "alice", "what": "login" }],
        "sessions": { "abc": { "user": "alice" } },
        "settings": { "clinic": "Sample clinic", "beds": 12 },
    })
}

/// Writes `bytes` to `path` and makes its folders.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// `size` bytes that no compressor shortens (xorshift64*), the same for the same `seed`.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
