//! Sends an archive to a client: as it is stored, or recompressed on the way.

use carelog_rpc::{Connection, ConnectionError, DownloadEnd, DownloadFormat, DownloadStart, Octets, Reply, Request};
use sha2::Digest as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use crate::model::Sha256;
use crate::store::Lease;

/// A download that is allowed and open.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) file: std::fs::File,
    /// As it is stored.
    pub(super) filename: String,
    pub(super) size_bytes: u64,
    /// `None`: as it is stored.
    pub(super) format: Option<DownloadFormat>,
    pub(super) _lease: Lease,
}

pub(super) async fn send(
    peer: &mut Connection<Request, Reply>,
    prepared: Prepared,
    shutdown: &CancellationToken,
) -> Result<(), ConnectionError> {
    let Prepared { file, filename, size_bytes, format, _lease } = prepared;
    let (stem, stored) = split(&filename);
    let file = BufReader::with_capacity(Reply::CHUNK_BYTES, tokio::fs::File::from_std(file));
    let wanted = format.unwrap_or(stored);
    let as_stored = wanted == stored;
    let mut bytes = if as_stored { Box::new(file) } else { recompressed(file, stored, wanted) };
    let start = DownloadStart { filename: format!("{stem}.{wanted}"), size_bytes: as_stored.then_some(size_bytes) };
    peer.send(&Reply::DownloadStart(start)).await?;
    let mut hasher = sha2::Sha256::new();
    let mut sent = 0;
    loop {
        let mut piece = Vec::with_capacity(Reply::CHUNK_BYTES);
        let read = tokio::select! {
            () = shutdown.cancelled() => return Err(ConnectionError::Closed),
            read = fill(&mut bytes, &mut piece) => read,
        };
        read.map_err(ConnectionError::Io)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        sent += piece.len() as u64;
        peer.send(&Reply::Bytes(Octets(piece))).await?;
    }
    let end = DownloadEnd { size_bytes: sent, sha256: Sha256::finish(hasher).to_string() };
    peer.send(&Reply::DownloadEnd(end)).await
}

type Bytes = Box<dyn AsyncRead + Send + Unpin>;

async fn fill(bytes: &mut Bytes, piece: &mut Vec<u8>) -> std::io::Result<()> {
    bytes.take(Reply::CHUNK_BYTES as u64).read_to_end(piece).await.map(drop)
}

/// An archive has many frames, and a decoder reads only the first unless it is told.
fn recompressed(file: BufReader<tokio::fs::File>, stored: DownloadFormat, wanted: DownloadFormat) -> Bytes {
    use async_compression::tokio::bufread::{GzipDecoder, GzipEncoder, ZstdDecoder, ZstdEncoder};
    let tar: Bytes = match stored {
        DownloadFormat::TarZst => {
            let mut decoder = ZstdDecoder::new(file);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        DownloadFormat::TarGz => {
            let mut decoder = GzipDecoder::new(file);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        DownloadFormat::Tar => Box::new(file),
    };
    let tar = BufReader::with_capacity(Reply::CHUNK_BYTES, tar);
    match wanted {
        DownloadFormat::TarZst => Box::new(ZstdEncoder::new(tar)),
        DownloadFormat::TarGz => Box::new(GzipEncoder::new(tar)),
        DownloadFormat::Tar => Box::new(tar),
    }
}

/// The name without its ending, and the format that the ending says.
fn split(filename: &str) -> (&str, DownloadFormat) {
    for format in [DownloadFormat::TarZst, DownloadFormat::TarGz, DownloadFormat::Tar] {
        if let Some(stem) = filename.strip_suffix(format.as_str()).and_then(|stem| stem.strip_suffix('.')) {
            return (stem, format);
        }
    }
    (filename, DownloadFormat::Tar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_format() {
        assert_eq!(split("backup_x.tar.zst"), ("backup_x", DownloadFormat::TarZst));
        assert_eq!(split("backup_x.tar.gz"), ("backup_x", DownloadFormat::TarGz));
        assert_eq!(split("backup_x.tar"), ("backup_x", DownloadFormat::Tar));
    }
}
