//! A line in, a line out.

use std::fmt::Display;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use super::DEPTH;

/// The longest line that is read.
const MAX_LINE: usize = 4 << 20;

/// Answers each line of standard input, which holds one JSON object, and flushes after each.
pub fn answer_each(mut answer: impl FnMut(Value) -> Result<Value, String>) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    while let Some(whole) = read_line(&mut input, &mut line)? {
        let result = if whole {
            ovsdb::json::parse(&line, DEPTH).map_err(|error| error.to_string()).and_then(&mut answer)
        } else {
            Err(format!("line longer than {MAX_LINE} bytes"))
        };
        let mut text = serde_json::to_vec(&result.unwrap_or_else(failure))?;
        text.push(b'\n');
        output.write_all(&text)?;
        output.flush()?;
    }
    Ok(())
}

/// The answer that says no.
pub fn failure(error: impl Display) -> Value {
    json!({ "ok": false, "error": error.to_string() })
}

/// Reads a line without its end; false if it was too long and is lost, `None` at the end of input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut whole, mut any) = (true, false);
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(any.then_some(whole));
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (piece, used) = match end {
            Some(end) => chunk.split_at_checked(end).map_or((chunk, chunk.len()), |(p, _)| (p, end + 1)),
            None => (chunk, chunk.len()),
        };
        whole = whole && line.len() + piece.len() <= MAX_LINE;
        if whole {
            line.extend_from_slice(piece);
        }
        input.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}
