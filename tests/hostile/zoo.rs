//! The hostile archives, each with what has to come of it.

use super::OUTSIDE;
use crate::support::evil::{Evil, HONEST, dir, file, hard_link, line, symlink};

/// A hostile archive.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) archive: Evil,
    /// What `carelogd extract` has to end with.
    pub(super) code: i32,
    /// What it has to say.
    pub(super) says: &'static str,
}

fn case(name: &'static str, archive: Evil, code: i32, says: &'static str) -> Case {
    Case { name, archive, code, says }
}

pub(super) fn cases() -> Vec<Case> {
    [paths(), links(), orders(), contents(), frames(), restore_points(), trailers()].into_iter().flatten().collect()
}

/// Paths that lead out, or nowhere.
fn paths() -> Vec<Case> {
    let of = |name, path: &str| case(name, Evil::of(vec![file(path)]), 7, "not a plain relative path");
    vec![
        of("up", "t/../../escaped"),
        of("up at once", "u/../../escaped"),
        of("only up", "t/.."),
        of("a dot", "t/./a"),
        of("an empty part", "t//a"),
        of("NUL", "t/a%00b"),
        of("very long", &format!("t/{}a", "a/".repeat(40_000))),
        case("a folder's path on a file", Evil::of(vec![file("t/a/")]), 7, "exactly the paths of directories"),
        case(
            "absolute",
            Evil { manifest: vec![file("/tmp/escaped")], ..Evil::honest() },
            7,
            "not a plain relative path",
        ),
        case("a name too long", Evil::of(vec![file(&format!("t/{}", "a".repeat(256)))]), 7, "longer than 255 bytes"),
        case("escapes cut short", Evil::of(vec![file("t/a%2")]), 7, "not escaped properly"),
        case("a path in a file", Evil::of(vec![file("t/a"), file("t/a/b")]), 1, "making t/a"),
        case("not JSON", Evil::of(vec!["nonsense".to_owned()]), 7, "the manifest"),
        case("a kind that a terminal would obey", Evil::of(vec![line("t/a", "\\u001b[2J", "")]), 7, "is unknown"),
        case("an unknown kind", Evil::of(vec![line("t/a", "door", "")]), 7, "kind 'door' is unknown"),
        case(
            "an impossible mode",
            Evil::of(vec![file("t/a").replace(r#""0700""#, r#""7777777""#)]),
            7,
            "mode '7777777'",
        ),
    ]
}

/// Links that lead out.
fn links() -> Vec<Case> {
    let out = format!("../../{OUTSIDE}");
    vec![
        case("through a link", Evil::of(vec![symlink("t/l", &out), file("t/l/escaped")]), 1, "t/l/escaped"),
        case(
            "a folder through a link",
            Evil::of(vec![symlink("t/l", &out), dir("t/l/"), file("t/l/escaped")]),
            1,
            "t/l/",
        ),
        case(
            "a hard link out by dots",
            Evil::of(vec![hard_link("t/h", &format!("{out}/secret"))]),
            7,
            "not a plain relative path",
        ),
        case("an absolute hard link", Evil::of(vec![hard_link("t/h", "/etc/passwd")]), 7, "not a plain relative path"),
        case(
            "a hard link through a link",
            Evil::of(vec![symlink("t/a", &out), hard_link("t/h", "t/a/secret")]),
            7,
            "t/h: it is a hard link to t/a/secret",
        ),
        case(
            "a hard link to what comes later",
            Evil::of(vec![hard_link("t/h", "t/z"), file("t/z")]),
            7,
            "come before it",
        ),
        case("a hard link to a folder", Evil::of(vec![dir("t/a/"), hard_link("t/h", "t/a")]), 7, "which is a folder"),
        case("a hard link to nothing", Evil::of(vec![hard_link("t/h", "t/a")]), 7, "not in the backup"),
        // A second name of the link itself: harmless.
        case(
            "a hard link to a link",
            Evil::of(vec![symlink("t/a", &format!("{out}/secret")), hard_link("t/h", "t/a")]),
            0,
            "",
        ),
        case("a link without a target", Evil::of(vec![line("t/l", "symlink", "")]), 7, "without a target"),
    ]
}

/// Manifests out of order.
fn orders() -> Vec<Case> {
    vec![
        case("twice", Evil::of(vec![file("t/a"), file("t/a")]), 7, "'t/a' is out of order"),
        case("unsorted", Evil::of(vec![file("t/b"), file("t/a")]), 7, "'t/a' is out of order"),
        case("the folder behind its content", Evil::of(vec![file("t/a/b"), dir("t/a/")]), 7, "out of order"),
    ]
}

/// Files whose parts do not fit each other.
fn contents() -> Vec<Case> {
    let zeros = "0".repeat(64);
    let with = |rest: &str| Evil::of(vec![line("t/a", "file", rest), file("t/honest")]);
    let honest = carelogd::model::Sha256::of(HONEST);
    vec![
        case("a missing chunk", with(&format!(r#","size":14,"sha256":"{zeros}""#)), 7, "not in this archive"),
        case("another size", with(&format!(r#","size":15,"sha256":"{honest}""#)), 7, "another length"),
        case(
            "chunks that do not add up",
            with(&format!(r#","size":99,"sha256":"{zeros}","chunks":[["{honest}",14]]"#)),
            7,
            "its chunks hold 14 bytes, its content 99",
        ),
        case(
            "a size beyond all",
            with(&format!(r#","size":18446744073709551615,"sha256":"{honest}""#)),
            7,
            "absurd length",
        ),
        case(
            "segments that overlap",
            with(&format!(r#","size":99,"sha256":"{honest}","sparse":[[0,10],[5,4]]"#)),
            7,
            "overlap",
        ),
        case(
            "a segment beyond all",
            with(&format!(r#","size":99,"sha256":"{honest}","sparse":[[18446744073709551615,14]]"#)),
            7,
            "pass its end",
        ),
        case(
            "millions of segments",
            with(&format!(r#","size":99,"sha256":"{honest}","sparse":[{}[0,14]]"#, "[0,0],".repeat(9_000_000))),
            7,
            "are empty",
        ),
        case(
            "a hole without end",
            with(
                r#","size":18446744073709551615,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","sparse":[]"#,
            ),
            1,
            "sizing",
        ),
        // The kernel takes the latest that it can keep.
        case("an absurd time", Evil::of(vec![file("t/a").replace("1700000000", "9223372036854775807")]), 0, ""),
        case(
            "absurd attributes",
            Evil::of(vec![file("t/a").replace('}', r#","xattrs":{"no.such.namespace":"x","user.%00":"x","":""}}"#)]),
            3,
            "",
        ),
    ]
}

/// Frames and an index that point elsewhere or promise too much.
fn frames() -> Vec<Case> {
    let number = |name, at: usize, says| {
        let archive = Evil {
            chunk_index: match at {
                32 => |index: &mut Vec<u8>| each_record(index, 32),
                36 => |index: &mut Vec<u8>| each_record(index, 36),
                _ => |index: &mut Vec<u8>| each_record(index, 40),
            },
            ..Evil::honest()
        };
        case(name, archive, 7, says)
    };
    vec![
        number("an index of frames that are not there", 32, "there is no frame"),
        number("an index of offsets outside", 36, "outside of frame"),
        number("an index of endless chunks", 40, "outside of frame"),
        case(
            "an index cut short",
            Evil { chunk_index: |index| index.truncate(60), ..Evil::honest() },
            7,
            "broken records",
        ),
        case("an empty index", Evil { chunk_index: Vec::clear, ..Evil::honest() }, 7, "a page without its first chunk"),
        case(
            "frames beyond the end",
            Evil { frame_table: |table| table[8..12].copy_from_slice(&50_000_000_u32.to_le_bytes()), ..Evil::honest() },
            7,
            "the frame table",
        ),
        case(
            "frames of absurd length",
            Evil { frame_table: |table| table[12..16].fill(0xff), ..Evil::honest() },
            7,
            "the frame table",
        ),
        case(
            "a gap between frames",
            Evil { frame_table: |table| table[16] ^= 1, ..Evil::honest() },
            7,
            "the frame table",
        ),
        case(
            "half a frame table",
            Evil { frame_table: |table| table.truncate(20), ..Evil::honest() },
            7,
            "the frame table",
        ),
        // 60 MiB of zeros in a few kilobytes, announced as 14 bytes.
        case(
            "a bomb",
            Evil {
                contents: vec![HONEST.to_vec(), vec![0; 60 << 20]],
                frame_table: |table| table[12..16].copy_from_slice(&14_u32.to_le_bytes()),
                ..Evil::honest()
            },
            7,
            "the frame at 0",
        ),
        case(
            "a page as long as memory",
            Evil {
                restore_point: |json| {
                    json["index"][0]["frame"]["stored"] = u32::MAX.into();
                    json["index"][0]["frame"]["raw"] = u32::MAX.into();
                },
                hole: 5 << 30,
                ..Evil::honest()
            },
            7,
            "absurd length",
        ),
    ]
}

/// All ones in the number at `at` of each record.
fn each_record(index: &mut [u8], at: usize) {
    for record in index.chunks_exact_mut(44) {
        record[at..at + 4].fill(0xff);
    }
}

/// Restore points that make no sense.
fn restore_points() -> Vec<Case> {
    let text = |name, change: fn(&mut Vec<u8>)| {
        case(name, Evil { restore_point_json: change, ..Evil::honest() }, 7, "restore-point.json")
    };
    let value = |name, code, says, change| case(name, Evil { restore_point: change, ..Evil::honest() }, code, says);
    vec![
        text("a restore point of nonsense", |json| *json = b"nonsense".to_vec()),
        text("an empty restore point", Vec::clear),
        case(
            "a restore point of 60 MB",
            Evil { restore_point_json: |json| json.resize(60_000_000, b' '), ..Evil::honest() },
            7,
            "absurd length",
        ),
        text("a restore point of one word", |json| {
            *json = serde_json::to_vec(&"x".repeat(1_000_000)).unwrap();
        }),
        text("a restore point of nothing but depth", |json| *json = vec![b'['; 1_000_000]),
        text("a restore point of null", |json| *json = b"null".to_vec()),
        value("a restore point from the future", 1, "newer than this program", |json| {
            json["metadata"]["format_version"] = 2.into();
        }),
        value("a negative length", 7, "restore-point.json", |json| json["manifest"][0]["length"] = (-1).into()),
        value("no index", 7, "it has no pages", |json| json["index"] = serde_json::json!([])),
        value("no manifest", 7, "the list of manifest chunks", |json| json["manifest"] = serde_json::json!([])),
        value("a manifest out of order", 7, "the list of manifest chunks", |json| {
            let chunk = json["manifest"][0].clone();
            json["manifest"] = vec![chunk.clone(), chunk].into();
        }),
        value("a manifest chunk that is not there", 7, "not in this archive", |json| {
            json["manifest"][0]["id"] = "0".repeat(64).into();
        }),
        value("an unknown class", 7, "restore-point.json", |json| json["metadata"]["class"] = "royal".into()),
        value("a class that a terminal would obey", 7, "restore-point.json", |json| {
            json["metadata"]["class"] = "\u{1b}[2J".into();
        }),
        value("a source named upwards", 7, "restore-point.json", |json| {
            json["metadata"]["sources"][0]["name"] = "../..".into();
        }),
        value("totals beyond all", 0, "", |json| {
            json["totals"] = serde_json::json!({ "entries": u64::MAX, "files": u64::MAX, "raw_bytes": u64::MAX, "new_bytes": u64::MAX });
            let mut sources = vec![json["sources"][0].clone(), json["sources"][0].clone()];
            let mut named = vec![json["metadata"]["sources"][0].clone(), json["metadata"]["sources"][0].clone()];
            sources[1]["name"] = "u".into();
            named[1]["name"] = "u".into();
            for source in &mut sources {
                source["size_bytes"] = u64::MAX.into();
                source["files"] = u64::MAX.into();
            }
            json["sources"] = sources.into();
            json["metadata"]["sources"] = named.into();
        }),
        value("the same source twice", 0, "", |json| {
            let source = json["sources"][0].clone();
            json["sources"] = vec![source.clone(), source].into();
            let source = json["metadata"]["sources"][0].clone();
            json["metadata"]["sources"] = vec![source.clone(), source].into();
        }),
        value("no source at all", 0, "", |json| {
            json["sources"] = serde_json::json!([]);
            json["metadata"]["sources"] = serde_json::json!([]);
        }),
        value("times at the ends of the calendar", 0, "", |json| {
            json["metadata"]["created_at"] = "9999-12-30T22:00:00Z".into();
            json["finished_at"] = "-009999-01-02T01:59:59Z".into();
        }),
        value("names that a terminal would obey", 0, "", |json| {
            json["metadata"]["host"] = "\u{1b}[2J".into();
            json["metadata"]["description"] = "\u{1b}]0;owned\u{7}\n\n\n".into();
            json["metadata"]["requested_by"]["user"] = "\u{1b}[31m".into();
        }),
    ]
}

/// Trailers that lie.
fn trailers() -> Vec<Case> {
    let of = |name, code, says, change| case(name, Evil { trailer: change, ..Evil::honest() }, code, says);
    vec![
        of("a restore point at the end of the world", 7, "beyond the end", |trailer| trailer[16..24].fill(0xff)),
        of("a restore point of 4 GiB stored", 7, "absurd length", |trailer| trailer[24..28].fill(0xff)),
        of("a restore point of 4 GiB", 7, "absurd length", |trailer| trailer[28..32].fill(0xff)),
        of("a restore point with another checksum", 7, "another SHA-256", |trailer| trailer[40] ^= 1),
        of("a format from the future", 1, "newer than this program", |trailer| trailer[8] = 9),
        of("no magic", 7, "wrong magic number", |trailer| trailer[0] = b'X'),
        of("a trailer that is longer", 7, "no trailer", |trailer| trailer.extend([0; 100])),
    ]
}
