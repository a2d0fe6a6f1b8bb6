//! The sample clinic: records and study files, the same in every run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const PATIENTS: usize = 120;
const VISITS: usize = 480;
const PRESCRIPTIONS: usize = 300;
const STUDIES: usize = 50;

/// 2025-01-06 08:00 UTC, the day of the first study.
const FIRST_STUDY: u64 = 1_736_150_400;
/// From one study to the next.
const STUDY_EVERY: u64 = 3 * 86_400;

const FIRST_NAMES: [&str; 8] = ["Amara", "Bruno", "Chiara", "Dario", "Elif", "Farid", "Greta", "Hugo"];
const LAST_NAMES: [&str; 9] =
    ["Aydin", "Bergmann", "Costa", "Duarte", "Eriksen", "Fischer", "Garcia", "Hoffmann", "Ivanova"];
const REASONS: [&str; 5] = ["check-up", "back pain", "cough", "blood pressure", "vaccination"];
const DRUGS: [&str; 5] = ["ibuprofen 400 mg", "ramipril 5 mg", "metformin 500 mg", "amoxicillin 1 g", "vitamin D"];
const EXAMINATIONS: [&str; 4] = ["chest-xray", "knee-mri", "abdomen-ultrasound", "head-ct"];

/// The clinic's data file. The members that a backup leaves out come last, as a restore writes them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Records {
    clinic: &'static str,
    patients: Vec<Patient>,
    visits: Vec<Visit>,
    prescriptions: Vec<Prescription>,
    audit_logs: Vec<AuditLog>,
    sessions: Vec<Session>,
}

#[derive(Clone, Debug, Serialize)]
struct Patient {
    id: usize,
    name: String,
    born: String,
    phone: String,
}

#[derive(Clone, Debug, Serialize)]
struct Visit {
    patient: usize,
    at: String,
    reason: &'static str,
    note: String,
}

#[derive(Clone, Debug, Serialize)]
struct Prescription {
    patient: usize,
    drug: &'static str,
    per_day: usize,
}

#[derive(Clone, Debug, Serialize)]
struct AuditLog {
    at: String,
    user: &'static str,
    action: String,
}

#[derive(Clone, Debug, Serialize)]
struct Session {
    token: String,
    user: &'static str,
}

/// How much the data file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) patients: usize,
    pub(super) visits: usize,
    pub(super) prescriptions: usize,
}

/// A clinic that was made.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) records: Records,
    /// The folder of each study, within the folder of the clinic.
    pub(super) studies: Vec<PathBuf>,
}

impl Sample {
    /// Makes one in the new folder `clinic`.
    pub(super) fn make(clinic: &Path) -> anyhow::Result<Self> {
        let sample = Self { records: records(), studies: (0..STUDIES).map(study_folder).collect() };
        fs::create_dir(clinic).with_context(|| format!("making {}", clinic.display()))?;
        let data = clinic.join("data.json");
        sample.records.write(&data).with_context(|| format!("writing {}", data.display()))?;
        for (number, folder) in sample.studies.iter().enumerate() {
            let folder = clinic.join(folder);
            write_study(number, &folder).with_context(|| format!("writing {}", folder.display()))?;
        }
        Ok(sample)
    }

    pub(super) fn counts(&self) -> Counts {
        let Records { patients, visits, prescriptions, .. } = &self.records;
        Counts { patients: patients.len(), visits: visits.len(), prescriptions: prescriptions.len() }
    }
}

impl Records {
    pub(super) fn without_patients(&self) -> Self {
        Self { patients: Vec::new(), ..self.clone() }
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        Ok(fs::write(path, serde_json::to_vec_pretty(self)?)?)
    }
}

impl Counts {
    /// Of the data file at `path`.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Held {
            patients: Vec<serde::de::IgnoredAny>,
            visits: Vec<serde::de::IgnoredAny>,
            prescriptions: Vec<serde::de::IgnoredAny>,
        }
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        let held: Held = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        Ok(Self { patients: held.patients.len(), visits: held.visits.len(), prescriptions: held.prescriptions.len() })
    }
}

fn records() -> Records {
    let day = |n: usize| format!("2025-{:02}-{:02}", n / 28 % 12 + 1, n % 28 + 1);
    Records {
        clinic: "Sample clinic",
        patients: (0..PATIENTS).map(patient).collect(),
        visits: (0..VISITS)
            .map(|n| Visit {
                patient: 1 + n * 7 % PATIENTS,
                at: format!("{}T{:02}:{:02}:00Z", day(n), 8 + n % 9, n % 4 * 15),
                reason: pick(&REASONS, n),
                note: format!("Seen for {}. Blood pressure {}/{}.", pick(&REASONS, n), 110 + n % 40, 70 + n % 20),
            })
            .collect(),
        prescriptions: (0..PRESCRIPTIONS)
            .map(|n| Prescription { patient: 1 + n * 11 % PATIENTS, drug: pick(&DRUGS, n), per_day: 1 + n % 3 })
            .collect(),
        audit_logs: (0..40)
            .map(|n| AuditLog {
                at: format!("{}T08:00:00Z", day(n)),
                user: "reception",
                action: format!("opened the record of patient {}", 1 + n * 3 % PATIENTS),
            })
            .collect(),
        sessions: vec![Session { token: "5f1c0a9e".to_owned(), user: "reception" }],
    }
}

fn patient(n: usize) -> Patient {
    Patient {
        id: n + 1,
        name: format!("{} {}", pick(&FIRST_NAMES, n), pick(&LAST_NAMES, n)),
        born: format!("{}-{:02}-{:02}", 1938 + n * 13 % 80, n % 12 + 1, n * 5 % 28 + 1),
        phone: format!("555 {:04}", 1000 + n * 37 % 9000),
    }
}

fn pick<T: Copy>(from: &[T], n: usize) -> T {
    from[n % from.len()]
}

fn taken_at(number: usize) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_STUDY + number as u64 * STUDY_EVERY)
}

/// `studies/2025/01/06/1000-chest-xray`.
fn study_folder(number: usize) -> PathBuf {
    let day = jiff::Timestamp::try_from(taken_at(number)).unwrap_or_default().strftime("%Y/%m/%d");
    format!("studies/{day}/{}-{}", 1000 + number, pick(&EXAMINATIONS, number)).into()
}

/// Three images and a report, with the times of the study.
fn write_study(number: usize, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for image in 1..=3 {
        let size = 40_000 + (number * 3 + image) % 7 * 12_000;
        write_dated(&folder.join(format!("image-{image}.dcm")), &dicom(number * 10 + image, size), taken_at(number))?;
    }
    let examination = pick(&EXAMINATIONS, number);
    let findings = "No acute findings. Comparison with the previous study shows no change.\n".repeat(6);
    let report = format!("Study {}: {examination}, patient {}\n\n{findings}", 1000 + number, 1 + number % PATIENTS);
    write_dated(&folder.join("report.txt"), report.as_bytes(), taken_at(number))
}

fn write_dated(path: &Path, bytes: &[u8], at: SystemTime) -> std::io::Result<()> {
    fs::write(path, bytes)?;
    File::options().write(true).open(path)?.set_modified(at)
}

/// A preamble as DICOM files have it, and pixels: a gradient with noise in the low bits, about as compressible as a real
/// image.
fn dicom(seed: usize, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let gradient = (bytes.len() / 256) & 0xF0;
        let noise = state & 0x0F;
        bytes.extend([gradient, 0].iter().map(|&base| u8::try_from(base as u64 | noise).unwrap_or(0)));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_makes_the_same_clinic() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::make(&dir.path().join("a")).unwrap();
        Sample::make(&dir.path().join("b")).unwrap();
        let image = sample.studies[7].join("image-2.dcm");
        for file in [Path::new("data.json"), &image] {
            let [a, b] = ["a", "b"].map(|clinic| fs::read(dir.path().join(clinic).join(file)).unwrap());
            assert!(a == b, "{} differs", file.display());
        }
        assert_eq!(Counts::read(&dir.path().join("a/data.json")).unwrap(), sample.counts());
        assert_eq!(sample.studies[0], Path::new("studies/2025/01/06/1000-chest-xray"));
    }
}
