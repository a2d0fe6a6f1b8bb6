//! The bytes on the wire and the documents for scripts, held against files. A difference here is a change of the
//! protocol: raise `PROTOCOL` (or only append), then write the files again with `UPDATE_GOLDEN=1`.

mod samples;

use std::fmt::Write as _;
use std::path::Path;

use carelog_rpc::codec::{decode, encode};
use carelog_rpc::{Document, Reply, Request};

/// Compares `actual` with the file, or writes it.
fn hold_against(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(actual, golden, "{} differs", path.display());
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes it");
        text
    })
}

#[test]
fn every_message_has_the_bytes_that_other_versions_know() {
    let mut lines = String::new();
    for request in samples::requests() {
        let frame = encode(&request).expect("encodes");
        assert_eq!(decode::<Request>(&frame).expect("decodes"), request);
        writeln!(lines, "{} {}", request.verb().replace(' ', "-"), hexadecimal(&frame)).expect("written");
    }
    for reply in samples::replies() {
        let frame = encode(&reply).expect("encodes");
        assert_eq!(decode::<Reply>(&frame).expect("decodes"), reply);
        writeln!(lines, "{} {}", reply.name(), hexadecimal(&frame)).expect("written");
    }
    hold_against("wire_v1.txt", &lines);
}

#[test]
fn every_message_cut_anywhere_or_with_a_bit_flipped_is_harmless() {
    for reply in samples::replies() {
        let frame = encode(&reply).expect("encodes");
        for at in 0..frame.len() {
            assert!(decode::<Reply>(&frame[..at]).is_err(), "{} cut at {at}", reply.name());
            for bit in 0..8 {
                let mut hurt = frame.clone();
                hurt[at] ^= 1 << bit;
                let _either = decode::<Reply>(&hurt);
            }
        }
    }
}

#[test]
fn documents_have_the_fields_that_scripts_rely_on() {
    let documents = [
        serde_json::to_string_pretty(&Document::new("carelog.backup/1", samples::backup())),
        serde_json::to_string_pretty(&Document::new("carelog.job/1", samples::job())),
        serde_json::to_string_pretty(&Document::new(Document::STATUS, samples::status())),
    ];
    let text: Vec<String> = documents.into_iter().map(|document| document.expect("prints")).collect();
    hold_against("documents_v1.json", &(text.join("\n") + "\n"));
}

#[test]
fn a_status_document_reads_back_as_it_was() {
    let text = serde_json::to_string(&samples::status()).expect("prints");
    assert_eq!(serde_json::from_str::<carelog_rpc::Status>(&text).expect("parses"), samples::status());
}
