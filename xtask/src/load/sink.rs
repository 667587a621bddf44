//! The upstream under load: plain threads and blocking sockets, so that it is never what is measured. It drains request bodies, checks
//! them, and answers; it speaks as much HTTP/1.1 as Envoy needs. What the bodies are is in `bodies`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use anyhow::{Context, Result, bail, ensure};

/// What is expected of the bodies that arrive under a path's first part, and what is answered there.
#[derive(Debug, Default, Clone)]
pub(crate) struct Page {
    /// What must arrive, if a body does.
    pub(crate) expected: Vec<u8>,
    /// What is answered.
    pub(crate) answer: Vec<u8>,
    pub(crate) content_type: &'static str,
}

/// What has arrived since the last [`Sink::open`].
#[derive(Debug, Default)]
struct Seen {
    /// Requests that were read whole, by page.
    requests: Vec<AtomicU64>,
    /// Of them those whose body was not what it should be.
    wrong: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    pages: Vec<Page>,
    seen: Seen,
}

/// What arrived in one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrived {
    /// By page.
    pub(crate) requests: Vec<u64>,
    pub(crate) wrong: u64,
}

/// A running upstream. Its threads end with the program.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    state: Arc<RwLock<State>>,
}

impl Sink {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(RwLock::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks shows as an error of the client.
                std::thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Ok(Self { port, state })
    }

    /// The pages from now on; `/3` is the fourth.
    pub(crate) fn open(&self, pages: Vec<Page>) {
        let requests = pages.iter().map(|_| AtomicU64::new(0)).collect();
        let state = State {
            pages,
            seen: Seen {
                requests,
                ..Seen::default()
            },
        };
        if let Ok(mut place) = self.state.write() {
            *place = state;
        }
    }

    /// What has arrived since the pages were opened.
    pub(crate) fn arrived(&self) -> Arrived {
        let Ok(state) = self.state.read() else {
            return Arrived::default();
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Arrived {
            requests: state.seen.requests.iter().map(read).collect(),
            wrong: read(&state.seen.wrong),
        }
    }
}

fn serve(stream: TcpStream, state: &RwLock<State>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let (mut line, mut body, mut out) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        if !read_line(&mut reader, &mut line)? {
            return Ok(());
        }
        let page = page_of(&line);
        let (mut length, mut chunked) = (0, false);
        while read_line(&mut reader, &mut line)? && !line.is_empty() {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                bail!("a header without a colon");
            };
            let (name, value) = line.split_at(colon);
            if name.eq_ignore_ascii_case(b"content-length") {
                length = std::str::from_utf8(&value[1..])?.trim().parse()?;
            }
            chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
        }
        body.clear();
        if chunked {
            read_chunks(&mut reader, &mut line, &mut body)?;
        } else {
            read_more(&mut reader, length, &mut body)?;
        }
        out.clear();
        {
            let state = state.read().ok().context("the pages are gone")?;
            let answer = page.and_then(|page| Some((page, state.pages.get(page)?)));
            let Some((index, page)) = answer else {
                writer.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            };
            state.seen.requests[index].fetch_add(1, Ordering::Relaxed);
            if body != page.expected {
                state.seen.wrong.fetch_add(1, Ordering::Relaxed);
            }
            write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncache-control: no-cache, private\r\nserver: upstream\r\ncontent-length: {}\r\n\r\n",
                page.content_type,
                page.answer.len()
            )?;
            out.extend_from_slice(&page.answer);
        }
        writer.write_all(&out)?;
    }
}

/// A line without its end; false where the stream ends.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    if reader.read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    ensure!(line.ends_with(b"\r\n"), "a line that is cut off");
    line.truncate(line.len() - 2);
    Ok(true)
}

/// The number behind the first slash of a request line.
fn page_of(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    let path = text.split(' ').nth(1)?.strip_prefix('/')?;
    let digits = path.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn read_more(reader: &mut impl Read, length: usize, body: &mut Vec<u8>) -> Result<()> {
    let from = body.len();
    body.resize(from + length, 0);
    reader.read_exact(&mut body[from..])?;
    Ok(())
}

fn read_chunks(reader: &mut impl BufRead, line: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<()> {
    loop {
        ensure!(read_line(reader, line)?, "chunks without an end");
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = usize::from_str_radix(std::str::from_utf8(size)?.trim(), 16)?;
        if size == 0 {
            // Trailers, up to the empty line.
            while read_line(reader, line)? && !line.is_empty() {}
            return Ok(());
        }
        read_more(reader, size, body)?;
        ensure!(
            read_line(reader, line)? && line.is_empty(),
            "a chunk without an end"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(port: u16, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn bodies_of_both_framings_are_checked() {
        let sink = Sink::start().unwrap();
        let page = Page {
            expected: b"hello world".to_vec(),
            answer: b"fine".to_vec(),
            content_type: "text/plain",
        };
        sink.open(vec![Page::default(), page]);
        let answer = ask(
            sink.port,
            b"POST /1?x=2 HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello world\
              POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\na: b\r\n\r\n\
              POST /1 HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello\
              GET /7 HTTP/1.1\r\n\r\n",
        );
        assert_eq!(answer.matches("200 OK").count(), 3, "{answer}");
        assert_eq!(answer.matches("404 Not Found").count(), 1, "{answer}");
        assert_eq!(answer.matches("fine").count(), 3, "{answer}");
        let arrived = sink.arrived();
        assert_eq!((arrived.requests, arrived.wrong), (vec![0, 3], 1));
    }
}
