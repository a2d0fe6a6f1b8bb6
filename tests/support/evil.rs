//! Archives that nobody honest would write. Every checksum in them is right, as an attacker would make it; what they say
//! is not. Written by hand after docs/FORMAT.md, because our own writer refuses to say such things.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use carelogd::model::{BackupId, Sha256};
use serde_json::{Value, json};

/// An archive in the making: honest where nothing is changed. Each hook is handed what stands in that place.
pub(crate) struct Evil {
    /// The lines of the manifest.
    pub(crate) manifest: Vec<String>,
    /// The chunks of content, all in frame 0.
    pub(crate) contents: Vec<Vec<u8>>,
    pub(crate) frame_table: fn(&mut Vec<u8>),
    pub(crate) chunk_index: fn(&mut Vec<u8>),
    pub(crate) restore_point: fn(&mut Value),
    /// The same as text.
    pub(crate) restore_point_json: fn(&mut Vec<u8>),
    /// Before its checksum is made.
    pub(crate) trailer: fn(&mut Vec<u8>),
    /// A hole of so many bytes before the restore point, so that great lengths lie within the file.
    pub(crate) hole: u64,
}

impl Evil {
    /// With these entries below the source `t`.
    pub(crate) fn of(entries: Vec<String>) -> Self {
        Self {
            manifest: [vec![dir("t/")], entries].concat(),
            contents: vec![HONEST.to_vec()],
            frame_table: |_| {},
            chunk_index: |_| {},
            restore_point: |_| {},
            restore_point_json: |_| {},
            trailer: |_| {},
            hole: 0,
        }
    }

    /// With one honest file.
    pub(crate) fn honest() -> Self {
        Self::of(vec![file("t/honest")])
    }

    /// Writes it, with its `.sha256` beside it unless there is a hole in it, which takes long to hash.
    pub(crate) fn write(&self, path: &Path) {
        let mut bytes = Bytes::default();
        let content = self.contents.concat();
        let manifest: Vec<u8> = self.manifest.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
        let frames = [bytes.frame(&content), bytes.frame(&manifest)];
        let mut table = Vec::new();
        for (position, stored, raw) in frames {
            table.extend(position.to_le_bytes());
            table.extend(stored.to_le_bytes());
            table.extend(raw.to_le_bytes());
        }
        (self.frame_table)(&mut table);
        let mut index = self.index_of(&manifest);
        (self.chunk_index)(&mut index);
        let first = (index.len() >= 32).then(|| Sha256(index[..32].try_into().unwrap()));
        let pages = [bytes.page(&table, None), bytes.page(&index, first)];
        let mut restore_point = restore_point(&manifest, &pages);
        (self.restore_point)(&mut restore_point);
        let mut json = serde_json::to_vec(&restore_point).unwrap();
        (self.restore_point_json)(&mut json);
        let before = bytes.0.len();
        let (position, stored, raw) = bytes.frame(&json);
        let trailer = self.trailer_of(position + self.hole, stored, raw, Sha256::of(&json));
        bytes.0.extend(trailer);

        let file = File::create(path).unwrap();
        file.write_all_at(&bytes.0[..before], 0).unwrap();
        file.write_all_at(&bytes.0[before..], before as u64 + self.hole).unwrap();
        if self.hole == 0 {
            let name = path.file_name().unwrap().to_str().unwrap();
            std::fs::write(
                path.with_file_name(format!("{name}.sha256")),
                format!("{}  {name}\n", Sha256::of(&bytes.0)),
            )
            .unwrap();
        }
    }

    fn index_of(&self, manifest: &[u8]) -> Vec<u8> {
        let mut at = 0;
        let mut records = vec![record(manifest, 1, 0)];
        for chunk in &self.contents {
            records.push(record(chunk, 0, at));
            at += u32::try_from(chunk.len()).unwrap();
        }
        records.sort();
        records.concat()
    }

    fn trailer_of(&self, position: u64, stored: u32, raw: u32, sha256: Sha256) -> Vec<u8> {
        let mut payload = b"CARELOG\0\x01\0\0\0\0\0\0\0".to_vec();
        payload.extend(position.to_le_bytes());
        payload.extend(stored.to_le_bytes());
        payload.extend(raw.to_le_bytes());
        payload.extend(sha256.0);
        (self.trailer)(&mut payload);
        let check = Sha256::of(&payload);
        payload.extend(&check.0[..8]);
        let length = u32::try_from(payload.len()).unwrap();
        [&0x184D_2A5C_u32.to_le_bytes()[..], &length.to_le_bytes(), &payload].concat()
    }
}

/// The content that is there.
pub(crate) const HONEST: &[u8] = b"honest content";

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    /// Appends a frame: position, stored and raw length.
    fn frame(&mut self, raw: &[u8]) -> (u64, u32, u32) {
        let stored = zstd::bulk::compress(raw, 1).unwrap();
        let position = self.0.len() as u64;
        self.0.extend(&stored);
        (position, u32::try_from(stored.len()).unwrap(), u32::try_from(raw.len()).unwrap())
    }

    fn page(&mut self, raw: &[u8], first: Option<Sha256>) -> Value {
        let (position, stored, raw_length) = self.frame(raw);
        let frame = json!({ "position": position, "stored": stored, "raw": raw_length });
        json!({ "frame": frame, "sha256": Sha256::of(raw), "first": first })
    }
}

fn record(chunk: &[u8], frame: u32, offset: u32) -> Vec<u8> {
    let length = u32::try_from(chunk.len()).unwrap();
    let numbers = [frame, offset, length].map(u32::to_le_bytes);
    [&Sha256::of(chunk).0[..], &numbers.concat()].concat()
}

fn restore_point(manifest: &[u8], pages: &[Value]) -> Value {
    let id = BackupId::generate();
    json!({
        "metadata": {
            "format_version": 1, "id": id, "class": "backup", "scope": "all", "mode": "full", "parent_id": null,
            "created_at": "2025-01-01T00:00:00Z", "host": "evil", "program_version": "0",
            "requested_by": { "user": "mallory", "uid": 666, "via": "socket", "on_behalf_of": null },
            "description": "", "sources": [{ "name": "t", "kind": "files", "location": "/srv/t", "exclude": [] }],
        },
        "finished_at": "2025-01-01T00:00:01Z",
        "sources": [
            { "name": "t", "kind": "files", "size_bytes": 14, "files": 1, "counts": {}, "warnings": [] },
        ],
        "totals": { "entries": 2, "files": 1, "raw_bytes": 14, "new_bytes": 14 },
        "manifest_bytes": manifest.len(),
        "manifest": [{ "id": Sha256::of(manifest), "length": manifest.len(), "first": "t/" }],
        "index": pages,
        "chunking": { "algorithm": "fastcdc-2020", "min": 524_288, "average": 1_048_576, "max": 4_194_304 },
        "archives": [id],
    })
}

/// A line of the manifest; `rest` are its other keys.
pub(crate) fn line(path: &str, kind: &str, rest: &str) -> String {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    format!(
        r#"{{"path":"{path}","kind":"{kind}","mode":"0700","uid":{user},"gid":{group},"mtime":"1700000000.000000000"{rest}}}"#
    )
}

pub(crate) fn dir(path: &str) -> String {
    line(path, "directory", "")
}

/// A file of [`HONEST`] content.
pub(crate) fn file(path: &str) -> String {
    line(path, "file", &format!(r#","size":{},"sha256":"{}""#, HONEST.len(), Sha256::of(HONEST)))
}

pub(crate) fn symlink(path: &str, target: &str) -> String {
    line(path, "symlink", &format!(r#","target":"{target}""#))
}

pub(crate) fn hard_link(path: &str, target: &str) -> String {
    line(path, "hardlink", &format!(r#","target":"{target}""#))
}
