//! Compressed inputs, read decompressed (`--search-zip`, as ripgrep calls it): gzip and zstd by their first bytes, brotli, which has none of its
//! own, by the name of the file. Whatever is none of these is read as it is. What is read is never held: only what a coding refers back to.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Bytes that tell gzip and zstd.
const MAGIC: usize = 4;

/// An input as it is to be read, and the name that says what is in it: `app.json` for `app.json.gz`.
pub(crate) struct Unpacked {
    pub(crate) reader: Box<dyn Read>,
    pub(crate) path: Option<PathBuf>,
}

/// Looks at the first bytes of `source` and its name.
///
/// # Errors
/// When `source` cannot be read.
pub(crate) fn open(source: Box<dyn Read>, path: Option<&Path>) -> io::Result<Unpacked> {
    // A pipe may give fewer bytes than tell the format.
    let mut source = source;
    let mut head = Vec::with_capacity(MAGIC);
    source.by_ref().take(MAGIC as u64).read_to_end(&mut head)?;
    let first: [u8; MAGIC] = core::array::from_fn(|at| head.get(at).copied().unwrap_or(0));
    let is_empty = head.is_empty();
    let source = BufReader::with_capacity(crate::input::BLOCK, Cursor::new(head).chain(source));
    let ends = |ending: &str| {
        let extension = path.and_then(Path::extension);
        extension.is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
    };
    let reader: Box<dyn Read> = match first {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Box::new(Zstd::new(source)),
        _ if !is_empty && ends("br") => Box::new(brotli_decompressor::Decompressor::new(
            source,
            crate::input::BLOCK,
        )),
        _ => {
            return Ok(Unpacked {
                reader: Box::new(source),
                path: path.map(Path::to_path_buf),
            });
        }
    };
    let known = ["gz", "zst", "zstd", "br"].into_iter().any(ends);
    let inner = |path: &Path| match known {
        true => path.with_extension(""),
        false => path.to_path_buf(),
    };
    Ok(Unpacked {
        reader,
        path: path.map(inner),
    })
}

/// Frames of zstd, any number of them: the library reads one.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    /// A frame is open.
    open: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Zstd<R> {
        Zstd {
            source,
            decoder: FrameDecoder::new(),
            open: false,
        }
    }

    /// Reads the head of the next frame. `false`: there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(u64::from(length));
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(damaged());
                    }
                }
                Err(_) => return Err(damaged()),
            }
        }
        Ok(false)
    }

    /// The frame is over.
    fn finish(&mut self) -> io::Result<()> {
        self.open = false;
        let said = self.decoder.get_checksum_from_data();
        match said.is_none_or(|said| self.decoder.get_calculated_checksum() == Some(said)) {
            true => Ok(()),
            false => Err(damaged()),
        }
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "its zstd is damaged or cut short",
    )
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open && !self.begin()? {
                return Ok(0);
            }
            let read = self.decoder.read(room).map_err(|_| damaged())?;
            if read > 0 {
                return Ok(read);
            }
            if self.decoder.is_finished() {
                self.finish()?;
                continue;
            }
            let one = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder
                .decode_blocks(&mut self.source, one)
                .map_err(|_| damaged())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// As a slow pipe gives them: one byte at a time.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let len = room.len().min(1);
            self.0.read(room.get_mut(..len).unwrap_or_default())
        }
    }

    fn read(bytes: &[u8], path: Option<&str>) -> io::Result<Vec<u8>> {
        let slow = Box::new(Slow(Cursor::new(bytes.to_vec())));
        let mut all = Vec::new();
        let unpacked = open(slow, path.map(Path::new))?;
        { unpacked.reader }.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn a_pipe_may_give_one_byte_at_a_time() -> io::Result<()> {
        let plain = b"some text";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain)?;
        assert_eq!(read(&gzip.finish()?, None)?, plain);
        assert_eq!(read(&zstd::encode_all(&plain[..], 3)?, None)?, plain);
        let mut brotli = Vec::new();
        brotli::CompressorWriter::new(&mut brotli, 4096, 5, 22).write_all(plain)?;
        assert_eq!(read(&brotli, Some("a.br"))?, plain);
        for len in 0..plain.len() {
            let short = plain.get(..len).unwrap_or_default();
            assert_eq!(read(short, None)?, short);
        }
        // Cut short in its first bytes, it is told all the same.
        assert!(read(b"\x1f\x8b", None).is_err());
        assert!(read(b"\x50\x2a\x4d\x18\x03", None).is_err());
        Ok(())
    }
}
