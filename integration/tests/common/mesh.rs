//! What the controller says of the mesh.

use api::status::{Event, Link, Mesh};
use integration::Testbed;
use integration::client::sdnctl_json;

pub fn mesh(testbed: &Testbed) -> Mesh {
    sdnctl_json(testbed, "mesh").expect("a mesh")
}

pub fn link(testbed: &Testbed, from: &str, to: &str) -> Link {
    let found = mesh(testbed).links.into_iter().find(|link| link.from.as_str() == from && link.to.as_str() == to);
    found.expect("a directed pair")
}

/// Every pair is up and lets packets of `mtu` bytes through.
pub fn whole(testbed: &Testbed, mtu: u32) -> bool {
    let good = |link: &Link| link.up && link.mtu == Some(mtu) && link.arrives == Some(true);
    mesh(testbed).links.iter().all(good)
}

/// Its events.
pub fn events(testbed: &Testbed) -> Vec<String> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").expect("events");
    events.into_iter().filter(|event| event.kind == "mesh").map(|event| event.message).collect()
}
