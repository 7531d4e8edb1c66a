//! A line in, a line out.

use std::fmt::Display;
use std::io::{self, Read, Write};

/// Bytes read and written at once.
const CHUNK: usize = 256 << 10;
/// The longest line that is answered with more than an error.
const MAX_LINE: usize = (4 << 20) + 1;

/// Answers each line of standard input: `answer` appends the text to what it is given. All that
/// is answered is flushed before more input is awaited.
pub fn answer_each(mut answer: impl FnMut(&[u8], &mut Vec<u8>)) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut chunk = vec![0; CHUNK];
    let mut lines = Lines::default();
    let mut out = Vec::new();
    loop {
        let count = match input.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        lines.push(chunk.get(..count).unwrap_or_default(), count == 0);
        while let Some(line) = lines.next() {
            match line {
                Ok(line) => answer(line, &mut out),
                Err(TooLong) => fail("line is longer than 4 MiB", &mut out),
            }
            out.push(b'\n');
            if out.len() >= CHUNK {
                output.write_all(&out)?;
                out.clear();
            }
        }
        output.write_all(&out)?;
        output.flush()?;
        out.clear();
        if count == 0 {
            return Ok(());
        }
    }
}

/// Appends the answer that says what was wrong.
pub fn fail(error: impl Display, out: &mut Vec<u8>) {
    let error = error.to_string().replace(['\n', '\r'], " ");
    out.extend_from_slice(serde_json::json!({ "ok": false, "error": error }).to_string().as_bytes());
}

/// The line had more than [`MAX_LINE`] bytes.
struct TooLong;

/// Cuts chunks into lines.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    start: usize,
    /// Bytes after `start` that hold no line end.
    searched: usize,
    /// The line is too long already: its rest is thrown away.
    skipping: bool,
    ended: bool,
}

impl Lines {
    fn push(&mut self, chunk: &[u8], ended: bool) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(chunk);
        self.ended = ended;
    }

    /// The next whole line, without its end.
    fn next(&mut self) -> Option<Result<&[u8], TooLong>> {
        let rest = self.bytes.get(self.start..)?;
        let unsearched = rest.get(self.searched..)?;
        let end = unsearched.iter().position(|b| *b == b'\n').map(|i| i + self.searched);
        let (length, step) = match end {
            Some(length) => (length, length + 1),
            None if self.ended && (!rest.is_empty() || self.skipping) => (rest.len(), rest.len()),
            None => {
                self.wait();
                return None;
            }
        };
        let line = self.start..self.start + length;
        self.start += step;
        self.searched = 0;
        if std::mem::take(&mut self.skipping) || length > MAX_LINE {
            return Some(Err(TooLong));
        }
        self.bytes.get(line).map(Ok)
    }

    /// Keeps what there is of a line until more comes, if it is not too long.
    fn wait(&mut self) {
        self.searched = self.bytes.len() - self.start;
        if self.searched > MAX_LINE {
            self.skipping = true;
            self.start = self.bytes.len();
            self.searched = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, MAX_LINE};

    fn take(lines: &mut Lines) -> Vec<Option<String>> {
        let mut out = Vec::new();
        while let Some(line) = lines.next() {
            out.push(line.ok().map(|l| String::from_utf8(l.to_vec()).unwrap()));
        }
        out
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|t| Some((*t).to_owned())).collect()
    }

    #[test]
    fn lines_are_cut_wherever_chunks_end() {
        let mut lines = Lines::default();
        lines.push(b"ab\n\nc", false);
        assert_eq!(take(&mut lines), some(&["ab", ""]));
        lines.push(b"d", false);
        assert_eq!(take(&mut lines), []);
        lines.push(b"\nlast", false);
        assert_eq!(take(&mut lines), some(&["cd"]));
        lines.push(b"", true);
        assert_eq!(take(&mut lines), some(&["last"]));
    }

    #[test]
    fn a_line_too_long_is_one_answer() {
        let mut lines = Lines::default();
        for _ in 0..3 {
            lines.push(&vec![b'x'; MAX_LINE], false);
            assert_eq!(take(&mut lines), []);
        }
        lines.push(b"y\nok\n", false);
        let answers = take(&mut lines);
        assert_eq!(answers, [None, Some("ok".to_owned())]);
    }
}
