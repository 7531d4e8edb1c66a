//! The controller as its clients see it: `sdnctl` and plain HTTP, from inside its namespace.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use crate::control::HTTP_PORT;
use crate::netns;
use crate::plan::Place;
use crate::testbed::Testbed;

const PATIENCE: Duration = Duration::from_secs(10);

/// An answer of the controller's HTTP server.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// Runs `sdnctl` with the words of `command`, and returns what it printed.
///
/// # Errors
/// When it fails, with what it says.
pub fn sdnctl(testbed: &Testbed, command: &str) -> Result<String> {
    let words: Vec<_> = std::iter::once("sdnctl").chain(command.split_whitespace()).collect();
    testbed.run(&Place::Controller, &words)
}

/// As [`sdnctl`], with `-o json`, read.
///
/// # Errors
/// When it fails or prints something else.
pub fn sdnctl_json<T: DeserializeOwned>(testbed: &Testbed, command: &str) -> Result<T> {
    let text = sdnctl(testbed, &format!("{command} -o json"))?;
    serde_json::from_str(&text).with_context(|| format!("cannot read what sdnctl {command} printed"))
}

/// Opens a TCP connection to one of the controller's ports, in its namespace.
///
/// # Errors
/// When nobody listens.
pub fn connect(testbed: &Testbed, port: u16) -> Result<TcpStream> {
    connect_at(testbed, &Place::Controller, port)
}

fn connect_at(testbed: &Testbed, place: &Place, port: u16) -> Result<TcpStream> {
    let stream = netns::within(&testbed.config().netns(place), || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("nobody listens on port {port}"))
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends an HTTP request with a JSON body as it stands, be it right or wrong.
///
/// # Errors
/// When there is no answer.
pub fn http(testbed: &Testbed, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
    http_at(testbed, &Place::Controller, method, path, body)
}

/// As [`http`], to the controller at `place`.
///
/// # Errors
/// When there is no answer.
pub fn http_at(testbed: &Testbed, place: &Place, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
    let mut stream = connect_at(testbed, place, HTTP_PORT)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: sdn\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    // A server that has heard enough may answer and close before it has read everything.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() || error.kind() != ErrorKind::ConnectionReset => {
            return Err(error).with_context(|| format!("no answer to {method} {path}"));
        }
        _ => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("half an answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok(Answer { status, body: body.to_owned() })
}

/// Sum of a metric over its labels.
///
/// # Errors
/// When the controller does not answer.
pub fn metric(testbed: &Testbed, name: &str) -> Result<f64> {
    metric_at(testbed, &Place::Controller, name)
}

/// As [`metric`], of the controller at `place`.
///
/// # Errors
/// When it does not answer.
pub fn metric_at(testbed: &Testbed, place: &Place, name: &str) -> Result<f64> {
    let answer = http_at(testbed, place, "GET", "/metrics", b"")?;
    let values = answer.body.lines().filter_map(|line| {
        let labels = line.strip_prefix(name)?;
        let (_, value) = labels.rsplit_once(' ')?;
        labels.starts_with(['{', ' ']).then(|| value.parse::<f64>().ok()).flatten()
    });
    Ok(values.sum())
}

/// Flow-mods that the controller has sent since it started.
///
/// # Errors
/// When the controller does not answer.
pub fn flow_mods(testbed: &Testbed) -> Result<u64> {
    metric(testbed, "sdn_flow_mods_sent_total").map(|count| count as u64)
}
