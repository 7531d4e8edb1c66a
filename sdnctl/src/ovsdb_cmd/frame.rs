//! `sdnctl ovsdb frame`.

use std::io::{self, Read, Write};

use ovsdb::json::Scanner;

use super::lines::failure;
use super::{DEPTH, MAX_MESSAGE};

const PREFIX: &[u8] = b"{\"ok\":true,\"message\":";

/// Writes each message of standard input on a line as soon as it is whole; stops writing, but not
/// reading, at the first byte that cannot go on the stream.
pub fn run() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut scanner = Scanner::new(MAX_MESSAGE, DEPTH);
    let mut message = PREFIX.to_vec();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = chunk.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            match scanner.feed(&mut rest) {
                Ok(scanned) => {
                    // A line end can only stand between tokens.
                    message.extend(scanned.text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
                    if scanned.complete {
                        message.extend_from_slice(b"}\n");
                        output.write_all(&message)?;
                        output.flush()?;
                        message.truncate(PREFIX.len());
                    }
                }
                Err(error) => {
                    writeln!(output, "{}", failure(error))?;
                    output.flush()?;
                    return io::copy(&mut input, &mut io::sink()).map(drop);
                }
            }
        }
    }
    if scanner.is_partial() {
        writeln!(output, "{}", failure("the stream ends within a message"))?;
    }
    output.flush()
}
