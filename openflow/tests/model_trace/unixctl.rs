//! The control socket of ovs-vswitchd: JSON-RPC, many calls over one connection.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::common::Switch;

pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
    id: u64,
    log: std::path::PathBuf,
}

impl Client {
    pub fn connect(switch: &Switch) -> Self {
        let directory = std::fs::read_dir(switch.path(".")).unwrap();
        let name = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let is_vswitchd = |name: &String| name.starts_with("ovs-vswitchd.") && name.ends_with(".ctl");
        let socket = directory.map(|entry| name(&entry.unwrap())).find(is_vswitchd).unwrap();
        let stream = UnixStream::connect(switch.path(&socket)).unwrap();
        Self { stream, buffer: Vec::new(), id: 0, log: switch.path("ovs-vswitchd.err") }
    }

    /// Calls a command and returns its text.
    pub fn call(&mut self, method: &str, arguments: &[&str]) -> String {
        self.id += 1;
        let request = json!({"id": self.id, "method": method, "params": arguments});
        self.stream.write_all(request.to_string().as_bytes()).unwrap();
        let reply = self.receive();
        assert_eq!(reply["error"], Value::Null, "{method} {arguments:?}");
        reply["result"].as_str().unwrap().to_owned()
    }

    fn receive(&mut self) -> Value {
        loop {
            // long answers come in many pieces, of which only the last is worth a try
            let whole = self.buffer.last() == Some(&b'}');
            let mut values = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<Value>();
            if whole && let Some(Ok(value)) = values.next() {
                let used = values.byte_offset();
                self.buffer.drain(..used);
                return value;
            }
            let mut chunk = [0; 65_536];
            let n = self.stream.read(&mut chunk).unwrap();
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(n > 0, "ovs-vswitchd ended: {}", log());
            self.buffer.extend_from_slice(&chunk[..n]);
        }
    }
}
