//! Messages to bytes and back; the only place that knows bincode.
//!
//! Nothing durable may be written with it: bincode is no longer maintained, and encodes by position. What arrives is
//! distrusted: no length is believed before the bytes are there, no byte may be left over, and nothing panics.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::LengthDelimitedCodec;

use crate::reply::{Page, Reply};
use crate::request::Request;
use crate::{MAX_FRAME_BYTES, MAX_REQUEST_BYTES};

/// What may be sent as a frame of its own.
pub trait Message: Serialize + DeserializeOwned {
    /// No encoded message of this type is longer (bytes).
    const MAX_BYTES: usize;
}

impl Message for Request {
    const MAX_BYTES: usize = MAX_REQUEST_BYTES;
}

impl Message for Reply {
    const MAX_BYTES: usize = MAX_FRAME_BYTES;
}

/// A message that cannot be encoded, or bytes that are not one.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes are no message of this protocol.
    #[error("the frame is not a message of this protocol: {0}")]
    Malformed(String),
    /// A message was followed by something else in its frame.
    #[error("the frame holds {left} bytes behind its message")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// The message is too long to be sent. Nothing was written.
    #[error("the message has {bytes} bytes, at most {limit} can be sent")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Fixed for ever as far as protocol 1 goes: little-endian, variable-length integers.
const fn configuration() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_FRAME_BYTES>()
}

/// The frame of `message`, without its length field.
///
/// # Errors
/// [`CodecError::TooLong`].
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, CodecError> {
    let bytes = to_bytes(message)?;
    if bytes.len() > M::MAX_BYTES {
        return Err(CodecError::TooLong { bytes: bytes.len(), limit: M::MAX_BYTES });
    }
    Ok(bytes)
}

/// The message in `frame`.
///
/// # Errors
/// [`CodecError::Malformed`], [`CodecError::Trailing`].
pub fn decode<M: Message>(frame: &[u8]) -> Result<M, CodecError> {
    if frame.len() > M::MAX_BYTES {
        return Err(CodecError::TooLong { bytes: frame.len(), limit: M::MAX_BYTES });
    }
    let (message, consumed) = bincode::serde::decode_from_slice(frame, configuration())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match frame.len().saturating_sub(consumed) {
        0 => Ok(message),
        left => Err(CodecError::Trailing { left }),
    }
}

/// Cuts a list into pages that fit a frame each; an empty list is one empty page. An item that fits no frame makes a
/// page that [`encode`] refuses.
///
/// # Errors
/// [`CodecError::Malformed`] for an item that cannot be encoded at all.
pub fn pages<T: Serialize>(items: Vec<T>) -> Result<Vec<Page<T>>, CodecError> {
    const PAGE_BYTES: usize = MAX_FRAME_BYTES / 2;
    let mut pages = vec![Page { items: Vec::new(), more: false }];
    let mut page_bytes = 0;
    for item in items {
        let item_bytes = to_bytes(&item)?.len();
        let begin_page = page_bytes > 0 && page_bytes + item_bytes > PAGE_BYTES;
        match pages.last_mut() {
            Some(page) if !begin_page => page.items.push(item),
            last => {
                if let Some(page) = last {
                    page.more = true;
                }
                pages.push(Page { items: vec![item], more: false });
                page_bytes = 0;
            }
        }
        page_bytes += item_bytes;
    }
    Ok(pages)
}

/// Takes as many of `lines` as a message of several such lists can carry, and counts the rest.
#[must_use]
pub fn listed(lines: &[String]) -> (Vec<String>, u64) {
    const LINES: usize = 100;
    const BYTES: usize = 64 * 1024;
    let mut bytes = 0_usize;
    let fitting = lines.iter().take(LINES).take_while(|line| {
        bytes = bytes.saturating_add(line.len());
        bytes <= BYTES
    });
    let shown: Vec<String> = fitting.cloned().collect();
    let omitted = lines.len() - shown.len();
    (shown, omitted as u64)
}

/// Frames on the socket: a length of 4 bytes, big-endian, then that many bytes. Refuses a longer length at once.
pub(crate) fn framing(max_bytes: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(max_bytes).new_codec()
}

fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, configuration()).map_err(|error| CodecError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Octets;
    use proptest::prelude::*;

    fn download_of(name: &str) -> Request {
        Request::Download { backup: name.to_owned(), format: None }
    }

    #[test]
    fn bytes_behind_a_message_are_refused() {
        let mut frame = encode(&Request::Status).expect("encodes");
        frame.push(0);
        assert!(matches!(decode::<Request>(&frame), Err(CodecError::Trailing { left: 1 })));
    }

    #[test]
    fn a_message_cut_anywhere_is_refused() {
        let frame = encode(&download_of("0198f000")).expect("encodes");
        for end in 0..frame.len() {
            assert!(matches!(decode::<Request>(&frame[..end]), Err(CodecError::Malformed(_))), "cut at {end}");
        }
    }

    #[test]
    fn a_length_that_the_frame_does_not_hold_is_refused_before_it_is_allocated() {
        // A download chunk (variant 13) that claims 2^64-1 bytes, and one that claims just less than the limit.
        let endless = [13, 253, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(matches!(decode::<Reply>(&endless), Err(CodecError::Malformed(_))));
        let long = [13, 252, 0, 0, 15, 0];
        assert!(matches!(decode::<Reply>(&long), Err(CodecError::Malformed(_))));
    }

    #[test]
    fn a_message_over_its_limit_is_not_sent() {
        let long = download_of(&"x".repeat(MAX_REQUEST_BYTES));
        assert!(matches!(encode(&long), Err(CodecError::TooLong { limit: MAX_REQUEST_BYTES, .. })));
        assert!(encode(&Reply::Bytes(Octets(vec![7; Reply::CHUNK_BYTES]))).is_ok());
    }

    #[test]
    fn a_long_list_is_cut_into_pages_that_fit() {
        let items: Vec<String> = (0..40).map(|n| format!("{n}").repeat(20_000)).collect();
        let pages = pages(items.clone()).expect("pages");
        assert!(pages.len() > 1);
        assert!(pages.iter().all(|page| to_bytes(page).expect("encodes").len() <= MAX_FRAME_BYTES));
        let (last, before) = pages.split_last().expect("a page");
        assert!(!last.more && before.iter().all(|page| page.more));
        assert_eq!(pages.into_iter().flat_map(|page| page.items).collect::<Vec<_>>(), items);
    }

    #[test]
    fn an_empty_list_is_one_empty_page() {
        assert_eq!(pages(Vec::<String>::new()).expect("pages"), [Page { items: vec![], more: false }]);
    }

    #[test]
    fn many_warnings_are_listed_in_part_and_counted() {
        let (shown, omitted) = listed(&vec!["a file".to_owned(); 250]);
        assert_eq!((shown.len(), omitted), (100, 150));
        let (shown, omitted) = listed(&vec!["x".repeat(30_000); 4]);
        assert_eq!((shown.len(), omitted), (2, 2));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _request = decode::<Request>(&bytes);
            let _reply = decode::<Reply>(&bytes);
        }

        #[test]
        fn no_bytes_behind_a_valid_variant_make_the_decoder_panic(
            variant in 0_u8..20,
            bytes in proptest::collection::vec(any::<u8>(), 0..1024),
        ) {
            let frame = [vec![variant], bytes].concat();
            if let Ok(request) = decode::<Request>(&frame) {
                prop_assert_eq!(decode::<Request>(&encode(&request).expect("encodes")).expect("decodes"), request);
            }
            if let Ok(reply) = decode::<Reply>(&frame) {
                prop_assert_eq!(decode::<Reply>(&encode(&reply).expect("encodes")).expect("decodes"), reply);
            }
        }

        #[test]
        fn every_text_arrives_as_it_was_sent(backup: String, description: String, until: Option<String>) {
            let hold = Request::Hold { backup, description, until };
            prop_assert_eq!(decode::<Request>(&encode(&hold).expect("encodes")).expect("decodes"), hold);
        }
    }
}
